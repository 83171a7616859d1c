"""Values in a Trainer's logs: whose logs they are, keys that are taken, and who looks first."""

from __future__ import annotations

import math

import pytest
from transformers import EarlyStoppingCallback, TrainerCallback

from nc_hf.training.logs import add_to, are_of_evaluation, stand_before_early_stopping


@pytest.mark.parametrize(
    ("logs", "of_it"),
    [
        ({"eval_far_loss": 1.0, "eval_far_samples_per_second": 2.0}, True),
        ({"eval_far_loss": 1.0}, True),
        ({"eval_far_runtime": 1.0}, True),
        ({"eval_loss": 1.0, "eval_samples_per_second": 2.0}, False),
        ({"loss": 1.0}, False),
        ({"eval_far_seen": 3.0}, False),
        ({}, False),
    ],
)
def test_the_logs_of_an_evaluation(logs: dict[str, float], of_it: bool) -> None:
    assert are_of_evaluation(logs, "eval_far") == of_it


def test_what_is_there_already_stays() -> None:
    logs = {"eval_a": 1.0, "eval_b": 2.0}
    assert add_to(logs, "eval", {"a": 1.0, "b": 3.0, "c": math.inf}) == ["eval_b"]
    assert logs == {"eval_a": 1.0, "eval_b": 2.0, "eval_c": math.inf}


def test_places_are_exchanged_and_nobody_is_lost() -> None:
    first, stopping, mine = TrainerCallback(), EarlyStoppingCallback(), TrainerCallback()
    callbacks = [first, stopping, mine]
    stand_before_early_stopping(callbacks, mine)
    assert callbacks == [first, mine, stopping]
    stand_before_early_stopping(callbacks, mine)
    assert callbacks == [first, mine, stopping]
    stand_before_early_stopping(callbacks, TrainerCallback())
    assert callbacks == [first, mine, stopping]
