"""Cells one after another in this process, or in all the processes of one ``accelerate launch``."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import torch
from accelerate.state import PartialState

from nc_hf.errors import NCError, ProcessError
from nc_hf.runtime.distributed import explained, wait_for_all
from nc_hf.study.cell import Cell
from nc_hf.study.display import StudyProgress
from nc_hf.study.grid import Study
from nc_hf.study.ledger import Ledger
from nc_hf.study.processes import from_main
from nc_hf.study.runner import run_cell
from nc_hf.study.text import StudyText, open_text


def run_local(study: Study, cells: Sequence[Cell], ledger: Ledger, progress: StudyProgress) -> None:
    """Run cells here; see :mod:`nc_hf.study.launchers` for what a launcher does.

    A cell that fails in every process alike (a diverged loss, too little memory) is left for the next one. Where one
    process of several fails alone, the others wait for it until their exchange times out, and the launch ends; started
    again, it goes on.
    """
    process = PartialState()
    texts: dict[str, StudyText] = {}
    for cell in cells:
        with _claim(ledger, cell) as mine:
            if not mine:
                continue
            progress.started(cell)
            try:
                if cell.text_key not in texts:
                    texts[cell.text_key] = open_text(study, cell, ledger.folder)
                with explained(process):
                    rows = run_cell(
                        study,
                        cell,
                        texts[cell.text_key],
                        ledger.cell_folder(cell),
                        shared=ledger.initial_folder,
                        quiet=True,
                        listen=partial(progress.advanced, cell),
                    )
            except ProcessError:
                raise
            except Exception as error:  # whatever a cell dies of, the others go on
                if process.is_main_process:
                    ledger.record_failure(cell, traceback.format_exc())
                progress.failed(cell, one_line(error))
                error.__traceback__ = None  # it holds on to the model
            else:
                if process.is_main_process:
                    ledger.record(cell, rows)
                progress.finished(cell)
            wait_for_all(process)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


@contextmanager
def _claim(ledger: Ledger, cell: Cell) -> Iterator[bool]:
    """Claim a cell on the main process; all processes are told the answer."""
    if PartialState().is_main_process:
        with ledger.claim(cell) as mine:
            yield from_main(lambda: mine)
    else:
        yield from_main(lambda: False)


def one_line(error: Exception) -> str:
    """Say what went wrong in one line: our own errors as they are, others by their kind."""
    first = (str(error).strip().splitlines() or [""])[0]
    return first if isinstance(error, NCError) else f"{type(error).__name__}: {first}".rstrip(": ")
