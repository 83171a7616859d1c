"""How many threads a small model is computed with."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from nc_hf.study.cell import Cell

WIDE = 256
"""From this width on, a second thread gains more than it costs where another process takes its core."""

CHOSEN = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""Variables by which somebody has chosen the threads."""


@contextmanager
def fitting_threads(cell: Cell) -> Iterator[None]:
    """Compute a small model on one thread, unless the threads were chosen or a GPU computes.

    Its operations are so short that threads mostly wait for each other: on idle cores a second one gains little, and
    on busy ones each operation waits until the slowest of them has had its turn.
    """
    before = torch.get_num_threads()
    small = cell.width < WIDE and not torch.cuda.is_available() and not any(os.environ.get(name) for name in CHOSEN)
    try:
        if small:
            torch.set_num_threads(1)
        yield
    finally:
        torch.set_num_threads(before)
