"""Launchers: where the cells of a study run.

A launcher is a function of the study, the cells to run, the ledger and the display. For every cell it

* claims it with ``ledger.claim(cell)``, which says no where another process has it, and leaves out what is done;
* tells the display ``started(cell)``;
* calls :func:`nc_hf.study.runner.run_cell`, here or elsewhere, as often as it sees fit: an unfinished cell goes on from
  its last checkpoint under ``ledger.cell_folder(cell)``;
* enters the rows with ``ledger.record(cell, rows)`` and tells the display ``finished(cell)``, or enters what went wrong
  with ``ledger.record_failure(cell, text)``, tells it ``failed(cell, why)``, and goes on with the next cell.

It returns when each cell has ended in one of the two ways. Only an interrupt may leave it by an exception.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from nc_hf.study.cell import Cell
from nc_hf.study.display import StudyProgress
from nc_hf.study.grid import Study
from nc_hf.study.ledger import Ledger

Launcher = Callable[[Study, Sequence[Cell], Ledger, StudyProgress], None]
