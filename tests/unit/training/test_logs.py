"""Values in a Trainer's logs: whose logs they are, keys that are taken, and who looks first."""

from __future__ import annotations

import math

from transformers import EarlyStoppingCallback, TrainerCallback

from nc_hf.training.logs import add_to, evaluation_prefix, stand_before_early_stopping


def test_the_logs_of_an_evaluation() -> None:
    assert evaluation_prefix({"eval_far_loss": 1.0, "eval_far_samples_per_second": 2.0}) == "eval_far"
    assert evaluation_prefix({"loss": 1.0}) is None
    assert evaluation_prefix(None) is None


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
