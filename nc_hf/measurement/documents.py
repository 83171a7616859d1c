"""How a model is given the documents of a block: each as if nothing stood before it, where the model can."""

from __future__ import annotations

import torch
from torch import nn

from nc_hf.corpus.blocks import TokenBlocks
from nc_hf.model.probe import frugal, probe, takes

_PROBED = 6  # tokens of each of the two documents, besides their mark
_SAME = 1e-4  # of the largest logit: masked tokens count for exactly nothing, others for far more


def keeps_apart(model: nn.Module, blocks: TokenBlocks) -> bool | None:
    """Tell whether a model that is given positions reads each document of a block as if it stood alone.

    Attention of transformers does, by the positions' return to 0, in most architectures and implementations; a
    recurrent state, an architecture with a mask of its own, or flash attention of several rows, does not. So it is
    tried: two rows that differ in their first document alone must agree on the second.

    Args:
        model: which is left in the mode it was in.
        blocks: whose marks part the documents.

    Returns:
        None where no mark begins a document, so that there is nothing to keep apart.
    """
    begin = blocks.marks.begin
    if not begin:
        return None
    if not takes(model, "position_ids"):
        return False
    some = blocks.input_ids[:_PROBED].flatten().tolist()  # each block holds more than its mark
    words = [token for token in some if token not in begin][:_PROBED]
    others = [next(other for other in range(len(begin) + 2) if other not in (word, *begin)) for word in words]
    rows = torch.tensor([[*begin, *first, *begin, *words] for first in (words, others)])
    lengths = len(begin) + len(words)
    positions = torch.arange(lengths).repeat(2).expand(rows.shape)
    logits = probe(model, rows, position_ids=positions, **frugal(model, logits=True)).logits
    if logits is None:
        return False
    one, other = logits[:, lengths:].float()
    return bool((one - other).abs().max() <= _SAME * one.abs().max())
