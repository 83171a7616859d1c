"""How most situations make a Trainer, evaluate and train it, with what its loss saw noted beside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import Trainer

from nc_hf import NeuralCollapseCallback
from tests.situations.watching import Watch
from tests.training import make_trainer

BY_STEP: dict[str, Any] = {"eval_strategy": "steps", "eval_steps": 1, "max_steps": 2}


class CopyingLog(Trainer):
    """Logs something besides, in a dict of its own."""

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        super().log({**logs, "extra": 1.0}, start_time)


def watched(folder: Path, *callbacks: Any, choice: Any = None, **settings: Any) -> tuple[Trainer, Watch]:
    trainer = make_trainer(folder, *(callbacks or (NeuralCollapseCallback(),)), **settings)
    return trainer, Watch(trainer, **({} if choice is None else {"choice": choice}))


def evaluate(folder: Path, *callbacks: Any, times: int = 1, **settings: Any) -> Watch:
    trainer, watch = watched(folder, *callbacks, **settings)
    for _ in range(times):
        trainer.evaluate()
    return watch


def train(folder: Path, *callbacks: Any, evaluations: int = 2, **settings: Any) -> Watch:
    trainer, watch = watched(folder, *callbacks, **{**BY_STEP, **settings})
    trainer.train()
    assert len(watch.compared) == evaluations, len(watch.compared)
    return watch


def logged(trainer: Trainer) -> list[dict[str, Any]]:
    """The rows of a history that are of evaluations."""
    return [row for row in trainer.state.log_history if "eval_loss" in row or "eval_runtime" in row]


def train_to_the_end(trainer: Trainer) -> list[dict[str, Any]]:
    """The rows of a training of two steps, evaluated at each, that goes on to its end."""
    trainer.args.eval_strategy = "steps"
    trainer.args.eval_steps = 1
    trainer.args.max_steps = 2
    trainer.train()
    assert trainer.state.global_step == 2
    rows = logged(trainer)
    assert len(rows) == 2
    return rows
