"""What is gathered follows from what is asked for, and the values are those of the metrics."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest

from nc_hf.errors import NCError, TapError
from nc_hf.measurement.options import PASS_OPTIONS, complete
from nc_hf.metrics.compute import pass_metrics
from nc_hf.training.measuring import LEFT_OUT, Measuring
from nc_hf.training.own_pass import OwnPass
from nc_hf.training.stack import EvaluationStep
from nc_hf.training.voice import Voice
from tests.training import Forwards, blocks_by_hand, close, tiny_model, token_blocks

ARGS: Any = SimpleNamespace(eval_batch_size=4, disable_tqdm=True)
OPTIONS = complete({"agreement_tokens": 8_192, "batch_size": None}, PASS_OPTIONS)


def measuring(preset: Any, own: OwnPass | None = None, **settings: Any) -> Measuring:
    return Measuring(preset, pass_metrics(preset, 8_192), OPTIONS, own, voice=Voice(), **settings)


def step(*, in_train: bool = True, later_set: bool = False) -> EvaluationStep:
    return EvaluationStep(SimpleNamespace(is_in_train=in_train), None, False, "eval", later_set)


@pytest.mark.parametrize("preset", ["core", "paper", ("nc1_trace_ratio", "nc1_pinv")])
def test_a_pass_of_its_own(preset: Any) -> None:
    model = tiny_model()
    values = measuring(preset, OwnPass(token_blocks(20, 3), None, OPTIONS)).passed(ARGS, model, None)
    assert values.pop("nc_loss") > 0
    assert values == close(blocks_by_hand(model, 20, 3, preset))


def test_without_anything_heard_the_reason_is_raised() -> None:
    with pytest.raises(TapError, match="too late to listen"):
        measuring("core").heard(tiny_model(), None)


@pytest.mark.parametrize(
    ("chosen", "in_train", "best", "found"),
    [
        (None, True, None, {}),
        ("loss", True, None, {}),
        ("own_nc1_trace_ratio", True, None, TapError),
        ("own_nc1_trace_ratio", True, 1.0, {"nc1_trace_ratio": math.nan}),
        ("own_nc1_trace_ratio", False, None, {"nc1_trace_ratio": math.nan}),
    ],
)
def test_what_stands_for_values_that_cannot_be_had(
    caplog: pytest.LogCaptureFixture, chosen: str | None, in_train: bool, best: float | None, found: Any
) -> None:
    args: Any = SimpleNamespace(metric_for_best_model=chosen)
    state: Any = SimpleNamespace(best_metric=best)
    deaf = measuring("core", label="own_")  # it listens to no model
    if found is TapError:
        with pytest.raises(TapError, match="too late to listen"):
            deaf.of_evaluation(args, state, step(in_train=in_train), tiny_model(), None)
        return
    values = deaf.of_evaluation(args, state, step(in_train=in_train), tiny_model(), None)
    assert values == pytest.approx(found, nan_ok=True)
    assert [message.endswith(LEFT_OUT) for message in caplog.messages] == [True]


def test_strictly_the_trouble_is_raised() -> None:
    own = OwnPass(token_blocks(8, 3), None, {**OPTIONS, "classes": [12, 13]})  # which do not come
    strict = Measuring(
        "core", pass_metrics("core", 8_192), {**OPTIONS, "classes": [12, 13]}, own, voice=Voice(), strict=True
    )
    with pytest.raises(NCError, match="no class that counts"):
        strict.of_own_pass(ARGS, tiny_model(), None)


def test_a_pass_is_shared_by_later_sets_until_it_is_forgotten() -> None:
    args: Any = SimpleNamespace(eval_batch_size=4, disable_tqdm=True, metric_for_best_model=None)
    state: Any = SimpleNamespace(best_metric=None)
    model = tiny_model()
    passes = Forwards(model)
    own = measuring("core", OwnPass(token_blocks(4, 3), None, OPTIONS))
    first = own.of_evaluation(args, state, step(), model, None)
    once = passes.passes  # the pass, and the few tokens on which the model is tried
    assert once == 2
    assert own.of_evaluation(args, state, step(later_set=True), model, None) is first
    assert passes.passes == once
    own.forget_shared()
    own.of_evaluation(args, state, step(later_set=True), model, None)
    own.of_evaluation(args, state, step(), model, None)
    assert passes.passes == 3 * once
