"""One cell of a study: train it, then measure each of its states."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import torch
from accelerate.state import PartialState
from transformers import AutoModelForCausalLM
from transformers.utils.logging import disable_progress_bar

from nc_hf.runtime.distributed import wait_for_all
from nc_hf.runtime.precision import full_float32
from nc_hf.study.advance import Advance, Listener
from nc_hf.study.cell import Cell
from nc_hf.study.checkpoints import CellFolder, read_whole, write_whole
from nc_hf.study.cost import training_share
from nc_hf.study.grid import Study
from nc_hf.study.ledger import LOG
from nc_hf.study.processes import from_main
from nc_hf.study.schedule import State
from nc_hf.study.states import measure_state
from nc_hf.study.text import StudyText
from nc_hf.study.threads import fitting_threads
from nc_hf.study.training import process_batch, states_of, train_cell

ALL = "all"
"""In place of a number of tokens: no bound. An empty field of a table means that nothing is known."""


def run_cell(
    study: Study,
    cell: Cell,
    text: StudyText,
    folder: Path,
    *,
    shared: Path | None = None,
    quiet: bool = False,
    listen: Listener | None = None,
) -> list[dict[str, Any]]:
    """Train a cell, from its last checkpoint if it has one, and measure its states.

    Args:
        study: the settings.
        cell: what to train.
        text: what ``open_text`` returned.
        folder: of this cell alone; what is in it is gone on with, so a cell that was killed repeats no more than the
            steps since its last checkpoint and no state that is measured.
        shared: folder where cells that begin with the same model leave each other its measurement.
        quiet: show no progress bars of transformers, in this process from now on.
        listen: told how far the work has come, on the main process.

    Returns:
        A row for each state: the cell's settings, ``saved_epoch`` and ``saved_step``, sizes, the outcomes, the metrics,
        and in ``train_seconds`` and ``measure_seconds`` what it took.

    Raises:
        StudyError: the batch does not divide among the processes, or training diverged.
    """
    PartialState(cpu=not torch.cuda.is_available())
    if quiet:
        disable_progress_bar()
    states, share = states_of(study, cell, text), training_share(study, cell)
    told = None if listen is None else lambda part: listen(part.within(share))
    rows = []
    with fitting_threads(cell):
        train_cell(study, cell, text, folder, quiet=quiet, listen=told)
        for number, state in enumerate(states, start=1):
            if listen is not None:
                listen(
                    Advance(share + (1 - share) * (number - 1) / len(states), f"measuring {number} of {len(states)}")
                )
            rows.append(_measured_row(study, cell, text, CellFolder(folder), state, shared))
    return [row | {"train_seconds": _train_seconds(folder)} for row in rows]


def _measured_row(
    study: Study, cell: Cell, text: StudyText, folder: CellFolder, state: State, shared: Path | None
) -> dict[str, Any]:
    """Return the row of a state, measured now unless it was before, here or in a cell that begins with the same."""
    process = PartialState()
    row: dict[str, Any] | None = from_main(lambda: folder.row(state))
    if row is not None:
        return row
    began = time.monotonic()
    kept = shared / f"{cell.initial_key}.json" if shared is not None and state.step == 0 else None
    values: dict[str, Any] | None = None if kept is None else from_main(lambda: read_whole(kept))
    if values is None:
        values = _measured(study, cell, text, folder, state)
        if kept is not None and process.is_main_process:
            write_whole(kept, values)
    row = _settings(study, cell, text) | {"saved_epoch": state.saved_epoch, "saved_step": state.step}
    row |= {"trained_tokens": state.step * cell.batch_size * cell.block_size} | values
    row["measure_seconds"] = time.monotonic() - began
    if process.is_main_process:
        folder.save_row(state, row)
    wait_for_all(process)
    return row


def _measured(study: Study, cell: Cell, text: StudyText, folder: CellFolder, state: State) -> dict[str, Any]:
    """Measure a state now: sizes, outcomes and metrics."""
    process = PartialState()
    model = AutoModelForCausalLM.from_pretrained(folder.state(state), dtype="float32").to(process.device)
    scratch = folder.path / f"measuring-{state.name}-{process.num_processes}"
    with full_float32():  # a compiled training leaves TF32 on
        values = measure_state(model, text, process_batch(cell), study.agreement_tokens, scratch)
    return {"parameters": model.num_parameters()} | values


def _settings(study: Study, cell: Cell, text: StudyText) -> dict[str, Any]:
    """Return the columns that tell a cell from others, and how it was measured."""
    return cell.settings | {
        "vocab_size": text.vocab_size,
        "max_train_tokens": cell.max_train_tokens or ALL,
        "validation_corpus": cell.validation_corpus or cell.corpus,
        "measure_also": cell.measure_also or "none",
        "agreement_tokens": study.agreement_tokens or ALL,
        "measure_train_tokens": study.measure_train_tokens or ALL,
        "classes": text.classes.rule,
        "classes_hash": text.classes.hash,
    }


def _train_seconds(folder: Path) -> float | None:
    """Read how long training took; None if the log was lost or damaged."""
    try:
        return float(json.loads((folder / LOG).read_text(encoding="utf-8"))["train_seconds"])
    except (OSError, ValueError, TypeError, KeyError):
        return None
