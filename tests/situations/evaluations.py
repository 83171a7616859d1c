"""Evaluations as they are called: alone, in a training, nested, of several sets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from nc_hf import NeuralCollapseCallback
from tests.situations.evaluating import BY_STEP, CopyingLog, evaluate, train, watched
from tests.situations.registry import situation
from tests.training import HELD_OUT, examples


@situation("evaluations", "evaluate() alone, twice")
def _alone(folder: Path) -> Any:
    return evaluate(folder, times=2)


@situation("evaluations", "training, evaluation by steps")
def _by_steps(folder: Path) -> Any:
    return train(folder)


@situation("evaluations", "training, evaluation by epoch")
def _by_epoch(folder: Path) -> Any:
    return train(folder, eval_strategy="epoch", max_steps=-1, num_train_epochs=2, train=examples(8, seed=1))


@situation("evaluations", "eval_on_start")
def _on_start(folder: Path) -> Any:
    return train(folder, eval_on_start=True, evaluations=3)


@situation("evaluations", "eval_delay")
def _delayed(folder: Path) -> Any:
    return train(folder, eval_delay=2, evaluations=1)


class Other(TrainerCallback):
    """Runs other rows through the model at each evaluation."""

    inside = False

    def __init__(self) -> None:
        self.run: Any = None

    def on_evaluate(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if not self.inside:
            self.inside = True
            self.run()
            self.inside = False


@situation("evaluations", "a callback that evaluates another set at each evaluation")
def _nested(folder: Path) -> Any:
    other = Other()
    trainer, watch = watched(folder, NeuralCollapseCallback(), other, **BY_STEP)
    other.run = lambda: trainer.evaluate(examples(9, seed=5), metric_key_prefix="eval_other")
    trainer.train()
    assert len(watch.compared) == 4
    return watch


@situation("evaluations", "a callback before ours that evaluates another set, a Trainer whose log copies its dict")
def _nested_before(folder: Path) -> Any:
    other = Other()
    trainer, watch = watched(folder, other, NeuralCollapseCallback(), trainer=CopyingLog, **BY_STEP)
    other.run = lambda: trainer.evaluate(examples(9, seed=5), metric_key_prefix="eval_other")
    trainer.train()
    assert len(watch.compared) == 4
    return watch


@situation("evaluations", "a callback before ours that predicts, a Trainer whose log copies its dict")
def _predicting_before(folder: Path) -> Any:
    other = Other()
    trainer, watch = watched(folder, other, NeuralCollapseCallback(), trainer=CopyingLog, **BY_STEP)
    other.run = lambda: trainer.predict(examples(9, seed=5))
    trainer.train()
    assert len(watch.compared) == 2
    return watch


@situation("evaluations", "metric_key_prefix train and test")
def _prefixes(folder: Path) -> Any:
    trainer, watch = watched(folder)
    trainer.evaluate(metric_key_prefix="train")
    trainer.evaluate(metric_key_prefix="test")
    return watch


@situation("evaluations", "predict() between two evaluations")
def _predicted(folder: Path) -> Any:
    trainer, watch = watched(folder)
    trainer.evaluate()
    assert not any("nc1" in key for key in trainer.predict(examples(7, seed=9)).metrics)
    trainer.evaluate()
    return watch


@situation("evaluations", "a dict of evaluation sets")
def _sets(folder: Path) -> Any:
    return train(folder, evaluation={"near": HELD_OUT, "far": examples(9, seed=7)}, evaluations=4)


@situation("evaluations", "evaluate() of a set of its own")
def _given(folder: Path) -> Any:
    trainer, watch = watched(folder)
    trainer.evaluate(examples(9, seed=5))
    trainer.evaluate()
    return watch
