"""What is gathered follows from what is asked for, and the values are those of the metrics."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from nc_hf.errors import TapError
from nc_hf.measurement.options import PASS_OPTIONS, complete
from nc_hf.metrics.compute import pass_metrics
from nc_hf.training.measuring import Measuring
from nc_hf.training.own_pass import OwnPass
from tests.training import blocks_by_hand, close, tiny_model, token_blocks

ARGS: Any = SimpleNamespace(eval_batch_size=4, disable_tqdm=True)
OPTIONS = complete({"agreement_tokens": 8_192, "batch_size": None}, PASS_OPTIONS)


def measuring(preset: Any, own: OwnPass | None = None) -> Measuring:
    return Measuring(preset, pass_metrics(preset, 8_192), OPTIONS, own)


@pytest.mark.parametrize("preset", ["core", "paper", ("nc1_trace_ratio", "nc1_pinv")])
def test_a_pass_of_its_own(preset: Any) -> None:
    model = tiny_model()
    values = measuring(preset, OwnPass(token_blocks(20, 3), None, OPTIONS)).passed(ARGS, model, None)
    assert values.pop("nc_loss") > 0
    assert values == close(blocks_by_hand(model, 20, 3, preset))


def test_without_anything_heard_the_reason_is_raised() -> None:
    with pytest.raises(TapError, match="too late to listen"):
        measuring("core").heard(tiny_model(), None)
