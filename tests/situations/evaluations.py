"""Evaluations as they are called: alone, in a training, nested, of several sets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from tests.situations.evaluating import BY_STEP, evaluate, train, watched
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


@situation("evaluations", "a callback that evaluates another set at each evaluation")
def _nested(folder: Path) -> Any:
    class Other(TrainerCallback):
        inside = False

        def on_evaluate(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            if not self.inside:
                self.inside = True
                trainer.evaluate(examples(9, seed=5), metric_key_prefix="eval_other")
                self.inside = False

    trainer, watch = watched(folder, **BY_STEP)
    trainer.add_callback(Other())
    trainer.train()
    assert len(watch.compared) == 4
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
