"""Two processes give what one gives, whatever the distributed sampler repeats and whichever rank has no labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.distributed.launcher import launch

pytestmark = pytest.mark.slow
SCRIPT = Path(__file__).with_name("evaluating.py")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, list[Any]]:
    folder = tmp_path_factory.mktemp("evaluating")
    return launch(SCRIPT, 1, str(folder / "one"), "1")[0], launch(SCRIPT, 2, str(folder / "two"), "2")


@pytest.mark.parametrize("name", ["uneven", "even", "sampled", "one batch", "unlabelled", "own"])
def test_two_processes_equal_one(runs: tuple[Any, list[Any]], name: str) -> None:
    one, two = runs
    assert two[0]["model"] == one["model"]
    assert len(one[name]) >= 8
    assert two[0][name] == pytest.approx(one[name], rel=1e-6, abs=1e-9, nan_ok=True)
    assert two[1][name] == pytest.approx(two[0][name], rel=0, abs=0, nan_ok=True)


def test_a_training(runs: tuple[Any, list[Any]]) -> None:
    one, two = runs
    assert [row["step"] for row in two[0]["trained"]] == [row["step"] for row in one["trained"]] == [2, 2, 4, 4]
    assert all(
        a["eval_nc1_trace_ratio"] == b["eval_nc1_trace_ratio"]
        for a, b in zip(two[0]["trained"], two[1]["trained"], strict=True)
    )
    # Gradients are summed in another order, so the models, not the measurements, differ in the last digits.
    for mine, theirs in zip(two[0]["trained"], one["trained"], strict=True):
        assert mine["eval_nc1_trace_ratio"] == pytest.approx(theirs["eval_nc1_trace_ratio"], rel=1e-3)


def test_a_loss_that_bypasses_the_tap_fails_on_every_rank(runs: tuple[Any, list[Any]]) -> None:
    one, two = runs
    for result in (one, *two):
        assert "corpus=" in result["bypassed"]
