"""What the command of a study does: choose its cells, run those that are left, and say in one line what is wrong."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from accelerate.state import PartialState
from rich.console import Console

from nc_hf.errors import NCError, ProcessError, StudyError
from nc_hf.runtime.distributed import attend, ending, explained, take_leave, wait_for_all
from nc_hf.runtime.shards import parse_shard
from nc_hf.study.cell import Cell
from nc_hf.study.cost import shard
from nc_hf.study.display import StudyProgress
from nc_hf.study.families import model_config
from nc_hf.study.grid import Study
from nc_hf.study.launchers import Launcher
from nc_hf.study.ledger import Ledger
from nc_hf.study.processes import from_main
from nc_hf.study.report import report
from nc_hf.study.training import process_batch, training_arguments


@contextmanager
def study_command(name: str) -> Iterator[Console]:
    """Set a process up for a study, and end it as a command should.

    Args:
        name: of the command, at the head of an error.

    Yields:
        Where to print; it is quiet in all processes but the main one.

    Raises:
        SystemExit: something cannot be done, which the main process has told in one line, or it was interrupted.
    """
    process = PartialState(cpu=not torch.cuda.is_available())
    warnings.filterwarnings("ignore", message=".*pin_memory.*")
    attend(process, ending(name))
    try:
        with explained(process):
            yield Console(quiet=not process.is_main_process)
        take_leave(process)
    except NCError as error:
        if process.is_main_process or isinstance(error, ProcessError):  # the main one may be who is lost
            print(f"{name}: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    except KeyboardInterrupt:
        if process.is_main_process:
            print(f"\n{name}: interrupted; the same command goes on from here.", file=sys.stderr)
        raise SystemExit(130) from None
    finally:
        if torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()


def cells_of(study: Study, part: str | None) -> list[Cell]:
    """Return the cells of shard i/n, counted from 1, or all.

    Raises:
        InputError: the text is not i/n with 1 <= i <= n.
    """
    return study.cells if part is None else shard(study, *parse_shard(part))


def check_cells(study: Study, cells: Sequence[Cell], output: Path) -> None:
    """Refuse what cannot be trained, before anything is.

    Raises:
        StudyError: a batch does not divide among the processes, there is no such family, or the Trainer does not know a
            setting.
    """
    for cell in cells:
        process_batch(cell)
        training_arguments(study, cell, output)
    for cell in {(cell.family, cell.width, cell.depth, cell.heads): cell for cell in cells}.values():
        model_config(cell, cell.vocab_size)


def run_study(study: Study, cells: Sequence[Cell], output: Path, launcher: Launcher, console: Console) -> None:
    """Run the cells that are not done, then write and print what all of them gave.

    Args:
        study: the settings.
        cells: of the study; those that are done are not run again.
        output: folder of the study, which goes on where it was.
        launcher: runs them.
        console: where progress and the table go.

    Raises:
        StudyError: cells failed; all the others were run, and what is done was reported.
    """
    process = PartialState()
    check_cells(study, cells, output)
    with process.main_process_first():
        ledger = Ledger(output, study)
    if process.is_main_process:
        for cell in filter(ledger.is_done, cells):
            ledger.tidy(cell)
    todo = [cell for cell in cells if not ledger.is_done(cell)]
    todo.sort(key=lambda cell: ledger.failure(cell) is not None)  # what failed before comes last
    todo = from_main(lambda: todo)  # other jobs may finish a cell while processes look
    progress = StudyProgress(cells, ledger, console)
    wait_for_all(process)
    if todo:
        with progress:
            launcher(study, todo, ledger, progress)
    if process.is_main_process:
        report(ledger, output, console)
    if progress.failures:
        raise StudyError(
            f"{len(progress.failures)} of {len(cells)} cells failed ({_summary(progress.failures)}): "
            f"read {output / 'failures'}, and start again to go on with them."
        )


def _summary(failures: dict[Cell, str]) -> str:
    """Name the first failed cell, and why it failed."""
    cell, why = next(iter(failures.items()))
    return f"{cell.name}: {why.rstrip('.')}" + (", and others" if len(failures) > 1 else "")
