"""What a cell costs: work, time and memory, estimated before anything is trained."""

from __future__ import annotations

from nc_hf.errors import StudyError
from nc_hf.study.cell import Cell
from nc_hf.study.grid import Study

TRAINING = 3
"""Forward passes that a training step is worth: itself, and twice for the backward pass."""


def forward_flops(cell: Cell, vocab_size: int) -> float:
    """Floating-point operations of a forward pass, a token: those of its matrix products.

    A layer has about 12 D^2 weights in every family (see `families`) and the head V D, each worth two. Attention is
    computed over the whole square of the block of L tokens, in local layers too: 2 L D for the scores and as many for
    the weighted sum.
    """
    weights = cell.depth * 12 * cell.width**2 + vocab_size * cell.width
    return 2.0 * weights + cell.depth * 4.0 * cell.block_size * cell.width


def passes(study: Study, cell: Cell) -> int:
    """Forward passes over the training text that a cell is worth, measuring included."""
    return TRAINING * study.epochs_run(cell) + study.count_states(cell)


def relative_cost(study: Study, cell: Cell) -> float:
    """The work of a cell, in floating-point operations a token of training text: right only beside other cells."""
    return passes(study, cell) * forward_flops(cell, cell.vocab_size)


def training_share(study: Study, cell: Cell) -> float:
    """The share of a cell's work that is training; the rest is measuring."""
    return 1 - study.count_states(cell) / passes(study, cell)


def shard(study: Study, index: int, count: int) -> list[Cell]:
    """The cells of one of several jobs that share a study, with about as much work in each.

    Dearest first, each cell goes to the job that has least so far; so every job finds the same division by itself.

    Args:
        study: to divide.
        index: of the job, from 1.
        count: of jobs.

    Raises:
        StudyError: there is no such job.
    """
    if not 1 <= index <= count:
        raise StudyError(f"there is no shard {index} of {count}: count from 1/{max(count, 1)} on.")
    loads = [0.0] * count
    mine = set()
    for cell in sorted(study.cells, key=lambda cell: (-relative_cost(study, cell), cell.name)):
        lightest = loads.index(min(loads))
        loads[lightest] += relative_cost(study, cell)
        if lightest == index - 1:
            mine.add(cell)
    return [cell for cell in study.cells if cell in mine]
