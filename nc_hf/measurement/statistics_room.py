"""Whether the statistics of a pass fit into memory: they grow with classes, width, layers and groups."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from nc_hf.corpus.blocks import TokenBlocks
from nc_hf.errors import InputError
from nc_hf.errors.remedies import Remedy
from nc_hf.hub.room import free_memory, shown_bytes
from nc_hf.model.anatomy import causal_lm, find_blocks

_ITEM = 8  # bytes of a float64


@contextmanager
def room_for_statistics(device: torch.device) -> Iterator[None]:
    """Say what to do where the statistics do not fit on the device."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise InputError(
            f"the statistics do not fit into the memory of {device}, beside the model", Remedy.STATISTICS_MEMORY
        ) from error


def check_room(model: nn.Module, blocks: TokenBlocks, groups: int, inner_groups: bool) -> None:
    """Refuse, before the pass, all layers whose sums alone do not fit: without memory a process on the CPU is ended.

    Args:
        model: whose layers are all measured.
        blocks: of tokens.
        groups: as of ``collect``.
        inner_groups: likewise.

    Raises:
        InputError: if they do not.
    """
    width = getattr(causal_lm(model).config.get_text_config(), "hidden_size", None)
    room = free_memory()
    if room is None or width is None or next(model.parameters()).device.type != "cpu":
        return
    group = torch.arange(len(blocks)) * groups // max(1, len(blocks))
    apart = sum(_classes_among(blocks, group == number) for number in range(groups))
    inner = apart if inner_groups else _classes_among(blocks, group >= 0)
    needed = (apart + len(find_blocks(causal_lm(model))) * inner) * width * _ITEM
    if needed > room:
        raise InputError(
            f"the statistics of all layers need {shown_bytes(needed)} of memory and {shown_bytes(room)} is free",
            Remedy.STATISTICS_MEMORY,
        )


def _classes_among(blocks: TokenBlocks, rows: torch.Tensor) -> int:
    """Count the classes that are to be predicted in some blocks."""
    labels = torch.unique(blocks.labels(rows)[:, 1:])  # nothing predicts the first token of a block
    return int((labels >= 0).sum())
