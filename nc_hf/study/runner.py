"""One cell of a study: train it, then measure each of its states."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from accelerate.state import PartialState
from accelerate.utils import broadcast_object_list
from transformers import GPTNeoForCausalLM
from transformers.utils.logging import disable_progress_bar

from nc_hf.runtime.precision import full_float32
from nc_hf.study.checkpoints import CellFolder, state_name
from nc_hf.study.cost import training_share
from nc_hf.study.grid import Cell, Study
from nc_hf.study.ledger import LOG
from nc_hf.study.states import measure_state
from nc_hf.study.text import StudyText
from nc_hf.study.training import Listener, process_batch, train_cell

RECORDED = (
    "corpus", "tokenizer", "packing", "block_size", "heads", "window", "dropout", "optimizer", "learning_rate",
    "lr_scheduler", "warmup_steps",
)  # fmt: skip
"""Settings of the whole study that its numbers depend on: each row tells them, so that tables can be compared."""

ALL = "all"
"""In place of a number of tokens: no bound. An empty field of a table means that nothing is known."""


def run_cell(
    study: Study, cell: Cell, text: StudyText, folder: Path, *, quiet: bool = False, listen: Listener | None = None
) -> list[dict[str, Any]]:
    """Train a cell, from its last checkpoint if it has one, and measure its states.

    Args:
        study: the settings.
        cell: what to train.
        text: what ``open_text`` returned.
        folder: of this cell alone; what is in it is gone on with, so a cell that was killed repeats no more than the
            steps since its last checkpoint and no state that is measured.
        quiet: show no progress bars of transformers, in this process from now on.
        listen: told the share of the work that is done, on the main process.

    Returns:
        A row for each state: the cell's settings, ``saved_epoch``, the model's size, the study's settings, the
        outcomes, the metrics, and in ``train_seconds`` and ``measure_seconds`` what it took.

    Raises:
        StudyError: the batch does not divide among the processes, or training diverged.
    """
    PartialState(cpu=not torch.cuda.is_available())
    if quiet:
        disable_progress_bar()
    states, share = study.states_of(cell), training_share(study, cell)
    told = None if listen is None else lambda part: listen(part * share)
    train_cell(study, cell, text, folder, quiet=quiet, listen=told)
    rows = []
    for number, state in enumerate(states, start=1):
        rows.append(_measured_row(study, cell, text, CellFolder(folder), state))
        if listen is not None:
            listen(share + (1 - share) * number / len(states))
    return [row | {"train_seconds": _train_seconds(folder)} for row in rows]


def _measured_row(study: Study, cell: Cell, text: StudyText, folder: CellFolder, state: int) -> dict[str, Any]:
    """Return the row of a state, measured now unless it was before."""
    process = PartialState()
    row: dict[str, Any] | None = broadcast_object_list([folder.row(state) if process.is_main_process else None])[0]
    if row is not None:
        return row
    began = time.monotonic()
    model = GPTNeoForCausalLM.from_pretrained(folder.state(state), dtype="float32").to(process.device)
    row = {
        **asdict(cell),
        "saved_epoch": state,
        "parameters": model.num_parameters(),
        "batch_size": study.batch_of(cell),
        "vocab_size": text.vocab_size,
        **{name: getattr(study, name) for name in RECORDED},
        "agreement_tokens": study.agreement_tokens or ALL,
        "classes": text.classes.rule,
        "classes_hash": text.classes.hash,
    }
    scratch = folder.path / f"measuring-{state_name(state)}-{process.num_processes}"
    with full_float32():  # a compiled training leaves TF32 on
        row |= measure_state(model, text, process_batch(study, cell), study.agreement_tokens, scratch)
    row["measure_seconds"] = time.monotonic() - began
    if process.is_main_process:
        folder.save_row(state, row)
    process.wait_for_everyone()
    return row


def _train_seconds(folder: Path) -> float | None:
    """Read how long training took; None if the log was lost."""
    path = folder / LOG
    return float(json.loads(path.read_text(encoding="utf-8"))["train_seconds"]) if path.exists() else None
