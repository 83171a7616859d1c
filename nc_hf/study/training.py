"""Training one cell through the Trainer, so that it can be killed at any moment and go on."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import Any

import torch
from accelerate.state import PartialState
from torch.utils.data import Dataset
from transformers import (
    PrinterCallback,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from nc_hf.corpus.blocks import TokenBlocks
from nc_hf.corpus.classes import ClassChoice, ClassRule
from nc_hf.errors import StudyError
from nc_hf.model.anatomy import causal_lm
from nc_hf.runtime.distributed import wait_for_all
from nc_hf.runtime.files import write_text
from nc_hf.study.advance import Listener, training
from nc_hf.study.cell import Cell
from nc_hf.study.checkpoints import CellFolder
from nc_hf.study.families import build_model
from nc_hf.study.grid import Study
from nc_hf.study.interventions.objective import StudyTrainer
from nc_hf.study.ledger import LOG
from nc_hf.study.processes import from_main
from nc_hf.study.schedule import State
from nc_hf.study.text import StudyText
from nc_hf.training.callback import NeuralCollapseCallback

LOG_STEPS = 50

CURVE_TOKENS = 65_536
"""Tokens on which NC4 is decided at most for the training curve; the table has its own pass."""


def train_cell(
    study: Study, cell: Cell, text: StudyText, folder: Path, *, quiet: bool = False, listen: Listener | None = None
) -> None:
    """Train a cell until all its states are saved, from its last checkpoint if it has one.

    Args:
        study: the settings.
        cell: what is trained.
        text: on what.
        folder: of the cell; its states are saved here.
        quiet: show no progress bar of the Trainer's.
        listen: told how far it has come, on the main process.

    Raises:
        StudyError: the batch does not divide among the processes, or the loss is no number any more.
    """
    process, kept, wanted = PartialState(), CellFolder(folder), states_of(study, cell, text)
    if process.is_main_process:
        kept.clean()
    if from_main(lambda: all(kept.has_state(state) for state in wanted)):
        return
    model = build_model(cell, text.vocab_size)
    if process.is_main_process and wanted[0].step == 0:
        kept.save_state(wanted[0], model.save_pretrained)
    curve_tokens = min(study.agreement_tokens or CURVE_TOKENS, CURVE_TOKENS, text.validation.num_labels)
    keeper = StateKeeper(
        kept, tuple(state for state in wanted if state.step), cell.batch_size * cell.block_size, listen
    )
    trainer = StudyTrainer(
        cell=cell,
        model=model,
        args=training_arguments(study, cell, folder, quiet=quiet),
        train_dataset=LabelledBlocks(text.train),
        eval_dataset=LabelledBlocks(text.validation),
        callbacks=[
            NeuralCollapseCallback(classes=_rule(text.classes), agreement_tokens=curve_tokens),
            keeper,
        ],
    )
    if quiet:
        trainer.remove_callback(PrinterCallback)
    last = from_main(lambda: kept.resume_point(wanted))
    trainer.train(resume_from_checkpoint=None if last is None else str(last))
    wait_for_all(process)


def states_of(study: Study, cell: Cell, text: StudyText) -> tuple[State, ...]:
    """The states of a cell that are kept and measured, in order."""
    return study.states_of(cell, -(-len(text.train) // cell.batch_size))


def _rule(choice: ClassChoice) -> ClassRule:
    """Let the training curve speak of the classes that the table speaks of."""
    return choice.rule if choice.ids is None else choice.ids.tolist()


def training_arguments(study: Study, cell: Cell, folder: Path, *, quiet: bool = True) -> TrainingArguments:
    """Say to the Trainer what the study says.

    Raises:
        StudyError: the batch does not divide among the processes, or a value is not one that the Trainer knows.
    """
    on_gpu = torch.cuda.is_available()
    batch = process_batch(cell)
    try:
        return TrainingArguments(
            output_dir=str(folder),
            num_train_epochs=cell.epochs,
            per_device_train_batch_size=batch,
            per_device_eval_batch_size=batch,
            learning_rate=cell.learning_rate,
            weight_decay=cell.weight_decay,
            optim=cell.optimizer,
            lr_scheduler_type=cell.lr_scheduler,
            warmup_steps=cell.warmup_steps,
            bf16=on_gpu and torch.cuda.is_bf16_supported(),
            use_cpu=not on_gpu,
            torch_compile=study.torch_compile,
            seed=cell.seed,
            data_seed=cell.data_seed,
            eval_strategy="epoch" if study.eval_steps is None else "steps",
            eval_steps=study.eval_steps,
            save_strategy="steps",
            save_steps=study.save_steps,
            logging_strategy="steps",
            logging_steps=LOG_STEPS,
            logging_nan_inf_filter=False,
            report_to="none",
            disable_tqdm=quiet,
            ddp_find_unused_parameters=False,
        )
    except ValueError as error:
        raise StudyError(f"a setting is not one that the Trainer knows ({error}): change it.") from error


def process_batch(cell: Cell) -> int:
    """Blocks a step of one process.

    Raises:
        StudyError: the batch does not divide among the processes.
    """
    batch, processes = cell.batch_size, int(PartialState().num_processes)
    if batch % processes:
        raise StudyError(
            f"a batch of {batch} blocks ({cell.name}) does not divide among {processes} processes: change one of them."
        )
    return batch // processes


class StateKeeper(TrainerCallback):
    """Saves the wanted states, marks and prunes checkpoints, writes the log, and stops when there is nothing to add.

    Args:
        folder: of the cell.
        wanted: the states to save, in order; training stops after the last.
        tokens: of a step, over all processes.
        listen: told how far it has come.
    """

    def __init__(self, folder: CellFolder, wanted: tuple[State, ...], tokens: int, listen: Listener | None) -> None:
        """Wait for training to begin."""
        self._folder, self._tokens, self._listen = folder, tokens, listen
        self._wanted = {state.step: state for state in wanted}
        self._began = self._before = 0.0
        self._first_step = 0
        self._loss: float | None = None

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Take up the clock where the checkpoint left it."""
        self._began, self._first_step = time.monotonic(), state.global_step
        self._before = self._folder.seconds(state.global_step) if state.global_step else 0.0
        self._tell(state)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Save a wanted state after its step, before any checkpoint of that step is written."""
        wanted = self._wanted.get(state.global_step)
        # a bad loss shows before it is kept
        control.should_log = control.should_log or control.should_save or wanted is not None
        if wanted is not None:
            _check_finite(kwargs["model"], state.global_step)
            if state.is_world_process_zero:
                self._folder.save_state(wanted, causal_lm(kwargs["model"]).save_pretrained)
        if state.global_step >= max(self._wanted):
            control.should_training_stop = True
        self._tell(state)

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Mark the checkpoint once every process has written its part."""
        wait_for_all(PartialState())
        if state.is_world_process_zero:
            self._folder.mark(state.global_step, self._seconds())

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Write the log so far, and refuse to go on without a loss."""
        if logs is not None and not math.isfinite(logs.get("loss", 0.0)):
            raise _diverged(state.global_step)
        self._loss = (logs or {}).get("loss", self._loss)
        if state.is_world_process_zero:
            log = {"train_seconds": self._seconds(), "log_history": state.log_history}
            write_text(self._folder.path / LOG, json.dumps(log) + "\n")

    def _seconds(self) -> float:
        return self._before + time.monotonic() - self._began

    def _tell(self, state: TrainerState) -> None:
        if self._listen is not None and state.is_world_process_zero:
            seconds, steps = time.monotonic() - self._began, state.global_step - self._first_step
            rate = steps * self._tokens / seconds if steps and seconds > 0 else None
            self._listen(training(state.global_step, max(self._wanted), self._loss, rate))


class LabelledBlocks(Dataset[dict[str, torch.Tensor]]):
    """Blocks as a Trainer takes them: the labels are the tokens to predict, which the model shifts itself."""

    def __init__(self, blocks: TokenBlocks) -> None:
        """Keep the blocks; nothing is copied."""
        self._blocks = blocks

    def __len__(self) -> int:
        """Return the number of blocks."""
        return len(self._blocks)

    def __getitem__(self, row: int) -> dict[str, torch.Tensor]:
        """Return one block."""
        return {"input_ids": self._blocks.input_ids[row].long(), "labels": self._blocks.labels(row)}


def _check_finite(model: torch.nn.Module, step: int) -> None:
    if not all(bool(torch.isfinite(weight).all()) for weight in model.parameters()):
        raise _diverged(step)


def _diverged(step: int) -> StudyError:
    return StudyError(f"training diverged before step {step}, the loss is no number: lower learning_rate.")
