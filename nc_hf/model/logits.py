"""What a model's logits say of each token: the class it decides for, and the loss of the class that came."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nc_hf.errors import LabelError
from nc_hf.errors.remedies import Remedy
from nc_hf.model.forward_pass import IGNORED

LOSS_ELEMENTS = 2**22  # logits per float32 copy: 16 MB
_CACHED_ELEMENTS = 2**20  # logits at a time on a CPU, where they and their logarithms stay in the cache


def argmax_with_ties(logits: Tensor, block: int = 128) -> tuple[Tensor, Tensor]:
    """Decide for the largest logit, and say where it is not alone.

    A sweep for the maxima of short blocks runs at the speed of memory, unlike ``argmax``; only the first block that
    holds the maximum is then looked into.

    Args:
        logits: (..., V), any float dtype.
        block: Length of the blocks.

    Returns:
        The lowest id that attains the maximum, (...) int64, and whether another one does too, (...) bool.
    """
    width = logits.shape[-1]
    whole = width // block * block
    maxima = logits[..., :whole].reshape(*logits.shape[:-1], whole // block, block).amax(-1)
    if whole < width:
        maxima = torch.cat([maxima, logits[..., whole:].amax(-1, keepdim=True)], -1)
    best, first = maxima.max(-1, keepdim=True)
    columns = first * block + torch.arange(block, device=logits.device)
    attained = (logits.gather(-1, columns.clamp(max=width - 1)) == best) & (columns < width)
    predictions = first.squeeze(-1) * block + attained.byte().argmax(-1)
    return predictions, (attained.sum(-1) > 1) | ((maxima == best).sum(-1) > 1)


def token_losses(logits: Tensor, index: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of each kept position in nats, (N,) float32, without a float32 copy of all logits."""
    _refuse_beyond(labels, logits.shape[-1])
    step = _rows_at_a_time(logits)
    losses = [
        nn.functional.cross_entropy(logits.index_select(0, rows).float(), wanted, reduction="none")
        for rows, wanted in zip(torch.split(index, step), torch.split(labels, step), strict=True)
    ]
    return torch.cat(losses)


def target_losses(logits: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy at each of P positions, (P,) float32: of its target in nats, 0 where that is negative."""
    index = (targets >= 0).nonzero().squeeze(-1)
    if 2 * len(index) > len(targets):  # then to look at all rows costs less than to copy those that have a target
        return _losses_of_all(logits, targets)
    losses = torch.zeros(len(targets), device=targets.device)
    return losses.index_copy_(0, index, token_losses(logits, index, targets[index]))


def _losses_of_all(logits: Tensor, targets: Tensor) -> Tensor:
    _refuse_beyond(targets, logits.shape[-1])
    step, targets = _rows_at_a_time(logits), targets.masked_fill(targets < 0, IGNORED)
    losses = [
        nn.functional.cross_entropy(rows.float(), wanted, reduction="none", ignore_index=IGNORED)
        for rows, wanted in zip(torch.split(logits, step), torch.split(targets, step), strict=True)
    ]
    return torch.cat(losses)


def _refuse_beyond(labels: Tensor, width: int) -> None:
    if labels.numel() and int(labels.max()) >= width:
        raise LabelError(f"The label {int(labels.max())} lies beyond the model's {width} logits", Remedy.TOKENIZER)


def _rows_at_a_time(logits: Tensor) -> int:
    elements = _CACHED_ELEMENTS if logits.device.type == "cpu" else LOSS_ELEMENTS
    return max(1, elements // logits.shape[-1])
