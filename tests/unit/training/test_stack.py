"""What is read off the call stack: an evaluation's step and its batch, and none of what only looks like one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import Trainer, TrainerCallback

from nc_hf.training.stack import EvaluationStep, calling_trainer, evaluation_step
from tests.training import HELD_OUT, examples, make_trainer


class Noting(Trainer):
    """Notes what each forward pass is in."""

    def note(self) -> list[EvaluationStep | None]:
        found: list[EvaluationStep | None] = []
        self.model.register_forward_pre_hook(lambda *_: found.append(evaluation_step()))
        return found


def test_an_evaluation_step_has_its_batch(tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path, trainer=Noting)
    found = trainer.note()
    trainer.evaluate()
    rows = [step.tokens for step in found if step is not None and step.tokens is not None]
    assert all(step is not None and step.in_step and step.trainer is trainer and not step.later_set for step in found)
    assert torch.equal(torch.cat(rows), torch.stack([row["input_ids"] for row in HELD_OUT]))


def test_neither_training_nor_prediction_nor_a_loop_of_one_s_own_is_an_evaluation(tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path, trainer=Noting)
    found = trainer.note()
    trainer.train()
    trainer.predict(HELD_OUT)
    trainer.evaluation_loop(trainer.get_eval_dataloader(), "probe")
    trainer.model(input_ids=HELD_OUT[0]["input_ids"].unsqueeze(0))
    assert len(found) > 8
    assert not any(found)


def test_an_evaluation_that_predicts_is_a_prediction(tmp_path: Path) -> None:
    class Predicting(Noting):
        def evaluate(self, *args: Any, **kwargs: Any) -> Any:
            return self.predict(self.eval_dataset).metrics

    trainer = make_trainer(tmp_path, trainer=Predicting)
    found = trainer.note()
    trainer.evaluate()
    assert found
    assert not any(found)


def test_what_a_callback_runs_in_an_evaluation_is_no_step(tmp_path: Path) -> None:
    class Peeking(TrainerCallback):
        def on_prediction_step(self, *_: Any, model: Any = None, **__: Any) -> None:
            model(input_ids=HELD_OUT[0]["input_ids"].unsqueeze(0))

    trainer = make_trainer(tmp_path, Peeking(), trainer=Noting)
    found = trainer.note()
    trainer.evaluate()
    assert [step is not None and step.in_step for step in found] == [True, False] * 3


def test_an_evaluation_in_a_callback_is_one(tmp_path: Path) -> None:
    class Nested(TrainerCallback):
        def on_step_end(self, *_: Any, **__: Any) -> None:
            trainer.evaluate()

    trainer = make_trainer(tmp_path, Nested(), trainer=Noting)
    found = trainer.note()
    trainer.train()
    assert sum(step is not None and step.in_step for step in found) == 3 * trainer.state.global_step


def test_the_second_of_several_sets_is_a_later_one(tmp_path: Path) -> None:
    trainer = make_trainer(tmp_path, trainer=Noting, evaluation={"near": HELD_OUT[:4], "far": examples(4, seed=7)})
    found = trainer.note()
    for _ in range(2):
        trainer.evaluate()
    assert [step is not None and step.later_set for step in found] == [False, True] * 2


def test_the_trainer_that_is_made_or_trains(tmp_path: Path) -> None:
    class Asking(TrainerCallback):
        def __init__(self) -> None:
            self.found: list[Any] = []

        def on_init_end(self, *_: Any, **__: Any) -> None:
            self.found.append(calling_trainer())

        def on_train_begin(self, *_: Any, **__: Any) -> None:
            self.found.append(calling_trainer())

    asking = Asking()
    trainer = make_trainer(tmp_path, asking)
    trainer.train()
    assert asking.found == [trainer, trainer]
    assert calling_trainer() is None
