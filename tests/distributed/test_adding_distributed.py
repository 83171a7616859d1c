"""A loss added in two processes is the mean of theirs, as it is of the batches that one process accumulates."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.distributed.launcher import launch

pytestmark = pytest.mark.slow
SCRIPT = Path(__file__).with_name("adding.py")


def test_two_processes_train_as_one_that_accumulates(tmp_path: Path) -> None:
    (one,) = launch(SCRIPT, 1, str(tmp_path / "one"), "4")
    two = launch(SCRIPT, 2, str(tmp_path / "two"), "2")
    assert set(one) == {"cdnv free", "cdnv simplex", "duality free", "duality simplex"}
    for name, wanted in one.items():
        assert len(wanted["logged"]) == 2
        assert two[0][name]["weights"] == two[1][name]["weights"]
        assert two[0][name]["weights"] == pytest.approx(wanted["weights"], rel=1e-6)
        for found, expected in zip(two[0][name]["logged"], wanted["logged"], strict=True):
            assert found == pytest.approx(expected, rel=1e-5)
