"""A model that two ranks hold in pieces is measured as one that one process holds whole, on the same rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.distributed.launcher import launch
from tests.distributed.sharding import CASES

pytestmark = pytest.mark.slow
SCRIPT = Path(__file__).with_name("sharding.py")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, list[Any]]:
    folder = tmp_path_factory.mktemp("sharding")
    return launch(SCRIPT, 1, str(folder / "one"), *CASES)[0], launch(SCRIPT, 2, str(folder / "two"), *CASES)


def close(values: Any) -> Any:
    return pytest.approx(values, rel=1e-5, abs=1e-8, nan_ok=True)


@pytest.mark.parametrize("name", CASES)
class TestInPieces:
    def test_the_values_are_those_of_the_whole(self, runs: tuple[Any, list[Any]], name: str) -> None:
        one = runs[0][name]
        assert len(one["values"]) > 20
        for two in (rank[name] for rank in runs[1]):
            for kind in ("values", "every class", "without a head", "own pass"):
                assert two[kind] == close(one[kind])
            assert two["tokens"] == one["tokens"]
            assert two["own loss"] == close(one["own loss"])
            # accelerate shards nothing on the CPU: a Trainer there is given what is in pieces already
            assert two.get("by a Trainer", one["by a Trainer"]) == close(one["by a Trainer"])
            assert ("by a Trainer" in two) == name.startswith("FSDP2")

    def test_every_rank_has_the_same(self, runs: tuple[Any, list[Any]], name: str) -> None:
        first, second = (rank[name] for rank in runs[1])
        for kind in ("values", "every class", "head", "weight", "error"):
            assert json.dumps(second[kind]) == json.dumps(first[kind])

    def test_the_head_is_read_once_and_whole(self, runs: tuple[Any, list[Any]], name: str) -> None:
        one = runs[0][name]
        for two in (rank[name] for rank in runs[1]):
            assert two["reads"] == one["reads"] == 1
            assert two["head"] == one["head"]
            assert two["weight"] == close(one["weight"])
            assert two["error"] < 1e-5

    def test_a_loss_without_logits_leaves_the_decisions_to_the_head(
        self, runs: tuple[Any, list[Any]], name: str
    ) -> None:
        one = runs[0][name]
        for two in (rank[name] for rank in runs[1]):
            for mine, wanted in zip(two["fused"], one["fused"], strict=True):
                assert mine == close(wanted)
        assert one["fused"][0] == {name: close(one["values"][name]) for name in one["fused"][0]}

    def test_without_the_wrapper_of_fsdp1_it_is_said_what_to_pass(self, runs: tuple[Any, list[Any]], name: str) -> None:
        for two in (rank[name] for rank in runs[1]):
            apart = "head apart" in name  # its own wrapper is still there
            assert ("trainer.model_wrapped" in two["without the wrapper"]) == (name.startswith("FSDP1") and not apart)
