"""Evaluations that an exception ends, and those after them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import Trainer, TrainerCallback

from nc_hf import NeuralCollapseCallback
from tests.situations.evaluating import watched
from tests.situations.registry import situation
from tests.situations.watching import Watch
from tests.training import VOCAB_SIZE, examples

PERSISTENT: dict[str, Any] = {"dataloader_num_workers": 1, "dataloader_persistent_workers": True}


def _broken_in_metrics(folder: Path, **settings: Any) -> Watch:
    trainer, watch = watched(folder, **settings)

    def broken(prediction: Any) -> dict[str, float]:
        raise ZeroDivisionError

    trainer.compute_metrics = broken
    try:
        trainer.evaluate()
    except ZeroDivisionError:
        trainer.compute_metrics = None
    trainer.evaluate()
    trainer.evaluate()
    assert trainer.compute_metrics is None
    return watch


class Stop(TrainerCallback):
    """Interrupts the first evaluation after its second batch."""

    steps = 0

    def on_prediction_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.steps += 1
        if self.steps == 2:
            raise KeyboardInterrupt


def _interrupted(folder: Path, *, stop_first: bool = False, **settings: Any) -> Watch:
    callbacks = [NeuralCollapseCallback(), Stop()]
    trainer, watch = watched(folder, *(reversed(callbacks) if stop_first else callbacks), **settings)
    try:
        trainer.evaluate()
    except KeyboardInterrupt:
        trainer.evaluate()
    trainer.evaluate()
    assert watch.rows == [11, 11]
    return watch


@situation("broken off", "an exception in compute_metrics")
def _metrics_fail(folder: Path) -> Any:
    return _broken_in_metrics(folder)


@situation("broken off", "an exception in compute_metrics, workers that persist")
def _metrics_fail_persistent(folder: Path) -> Any:
    return _broken_in_metrics(folder, **PERSISTENT)


@situation("broken off", "evaluate() interrupted")
def _stopped(folder: Path) -> Any:
    return _interrupted(folder)


@situation("broken off", "evaluate() interrupted, workers that persist")
def _stopped_persistent(folder: Path) -> Any:
    return _interrupted(folder, **PERSISTENT)


class Failing(Trainer):
    """Its loss fails once, in the second batch of an evaluation, when the model has run."""

    batches = 0

    def compute_loss(self, model: Any, *args: Any, **kwargs: Any) -> Any:
        found = super().compute_loss(model, *args, **kwargs)
        self.batches += 1
        if self.batches == 2:
            raise ZeroDivisionError
        return found


@situation("broken off", "an exception in the loss, after its forward pass")
def _loss_fails(folder: Path) -> Any:
    trainer, watch = watched(folder, trainer=Failing)
    try:
        trainer.evaluate()
    except ZeroDivisionError:
        trainer.evaluate()
    trainer.evaluate()
    assert watch.rows == [11, 11]
    return watch


@situation("broken off", "evaluate() interrupted by a callback that stands before ours")
def _stopped_before(folder: Path) -> Any:
    return _interrupted(folder, stop_first=True)


@situation("broken off", "an exception inside the model")
def _model_fails(folder: Path) -> Any:
    trainer, watch = watched(folder)
    try:
        trainer.evaluate([*examples(7, seed=9), examples(1, classes=9 * VOCAB_SIZE)[0]])
    except IndexError:
        trainer.evaluate()
    trainer.evaluate()
    assert watch.rows == [11, 11]
    return watch
