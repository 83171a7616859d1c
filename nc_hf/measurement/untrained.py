"""The mark of no training: a model of the same shape with the weights that it would begin with, on the same text."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import nn

from nc_hf.corpus.blocks import TokenBlocks
from nc_hf.corpus.classes import ClassChoice
from nc_hf.errors import InputError
from nc_hf.errors.remedies import Remedy
from nc_hf.measurement.layer_values import layer_values
from nc_hf.measurement.one_pass import collect
from nc_hf.metrics.jackknife import GROUPS
from nc_hf.metrics.table import needs_of
from nc_hf.model.anatomy import causal_lm
from nc_hf.model.forward_pass import FINAL

UNTRAINED_TOKENS = 50_000
"""Tokens that it reads at most: its values differ from a trained model's by far more than they would by more text."""


def untrained_values(
    model: nn.Module,
    blocks: TokenBlocks,
    preset: str | Sequence[str],
    choice: ClassChoice,
    *,
    batch_size: int,
    exact_classes: int | None = None,
) -> dict[str, float]:
    """Measure a model that is initialised as this one would be.

    Args:
        model: whose configuration, device and dtype are taken; its weights are neither read nor changed.
        blocks: the text, of which a part is read, as far as ``UNTRAINED_TOKENS`` go.
        preset: as of `nc_hf.metrics.compute_metrics`.
        choice: the classes that count.
        batch_size: blocks a forward pass.
        exact_classes: of more classes than these pairs are drawn.

    Returns:
        The metrics by name.

    Raises:
        InputError: there is no room for it beside the model.
    """
    own = causal_lm(model)
    weight = next(own.parameters())
    try:
        with torch.random.fork_rng([weight.device] if weight.is_cuda else []):
            torch.manual_seed(0)
            fresh = type(own)(copy.deepcopy(own.config)).to(weight.device, weight.dtype)
    except torch.OutOfMemoryError as error:
        raise InputError(
            f"the untrained model does not fit into the memory of {weight.device} beside the trained one",
            Remedy.UNTRAINED_MEMORY,
        ) from error
    needed = needs_of(() if isinstance(preset, str) else preset)
    part = blocks.spread(UNTRAINED_TOKENS, seed=0)
    collection = collect(
        fresh,
        part,
        groups=min(GROUPS, len(part)),  # values are corrected by them as the trained model's are
        batch_size=batch_size,
        covariance=preset == "full" or "covariance" in needed,
        progress=False,
    )
    found = layer_values(collection, FINAL, preset, collection.decided(choice.ids), exact_classes)
    return {name: metric.value for name, metric in found.values.items()}
