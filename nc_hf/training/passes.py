"""Which of the forward passes that an evaluation step makes are of the model that is trained, over the step's batch."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from nc_hf.errors import TapError
from nc_hf.model.forward_pass import Observation, TapPass


@dataclass(frozen=True, eq=False)
class StepPart:
    """What a forward pass of an evaluation step is part of.

    Attributes:
        tokens: (B, L) ``input_ids`` of the step's batch; None where it has none.
        adapters: as `adapters_at_work` found them.
    """

    tokens: Tensor | None
    adapters: Hashable


def adapter_layer(model: nn.Module) -> Any | None:
    """Return a layer of a model that holds adapters (PEFT's, or those of transformers itself), if there is one."""
    return next(
        (layer for layer in model.modules() if isinstance(getattr(layer, "disable_adapters", None), bool)), None
    )


def adapters_at_work(model: nn.Module, layer: Any | None) -> Hashable:
    """Return which adapters a forward pass goes through.

    The reference model of DPO and KTO is the policy with its adapters switched off, or others switched on; where they
    are tokens in front of the text, PEFT has another model's ``forward`` stand in for its own for that time, which it
    then puts back as an attribute.
    """
    runs = getattr(model.forward, "__self__", model) is model
    return runs if layer is None else (runs, layer.disable_adapters, *_names(layer.active_adapters))


def of_last_step(passes: Sequence[TapPass]) -> list[TapPass]:
    """Return the passes of the step that ran last; a step before it may have broken off after its forward pass."""
    return [each for each in passes if each.part.tokens is passes[-1].part.tokens]


def passes_of_batch(passes: Sequence[TapPass], adapters: Hashable) -> list[Observation]:
    """Return the batch of an evaluation step: one pass, or several that divide its rows, first to last.

    Args:
        passes: the labelled ones of one step; ``part`` of each is a `StepPart`.
        adapters: those of the model that is trained, as `adapters_at_work` finds them outside of the loss.

    Raises:
        NCError: a pass that could not be observed, or several of which the batch cannot be told.
    """
    mine = [each for each in passes if each.part.adapters == adapters]
    if len(mine) > 1:
        batch = mine[0].part.tokens
        whole = [each for each in mine if _equal(each.tokens, batch)]
        # A batch that is run through twice, as for a consistency loss, counts once.
        if whole:
            mine = whole[:1]
        elif not _divides(mine, batch):
            raise TapError(
                f"The loss runs {len(mine)} labelled passes in one evaluation step, and which of them is the batch "
                "cannot be told; name a held-out corpus (corpus=...), so that a pass of its own is made."
            )
    return [each.observed() for each in mine]


def _names(adapters: Any) -> tuple[str, ...]:
    return (adapters,) if isinstance(adapters, str) else tuple(adapters)


def _equal(tokens: Tensor | None, batch: Tensor | None) -> bool:
    if tokens is None or batch is None or tokens.shape != batch.shape:
        return False
    if tokens.device == batch.device and tokens.data_ptr() == batch.data_ptr() and tokens.stride() == batch.stride():
        return True  # the same numbers, or a part of them: no need to have a GPU read them
    return torch.equal(tokens, batch.to(tokens.device))


def _divides(passes: Sequence[TapPass], batch: Tensor | None) -> bool:
    """Whether passes are the rows of a batch, in order; a part may have lost columns of padding on the right."""
    if batch is None or batch.dim() != 2 or any(each.tokens is None or each.tokens.dim() != 2 for each in passes):
        return False
    parts = [each.tokens for each in passes if each.tokens is not None]
    if sum(len(part) for part in parts) != len(batch):
        return False
    begin = 0
    for part in parts:
        rows = batch[begin : begin + len(part), : part.shape[1]]
        begin += len(part)
        if not _equal(part, rows):
            return False
    return True
