"""A collection over two processes is that of one."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.collected import SCRIPT
from tests.distributed.launcher import launch


@pytest.mark.slow
def test_two_processes_equal_one(tmp_path: Path) -> None:
    cases = ("9x2", "5x1", "1x4")  # batches of unequal size; more batches on one rank; a rank with nothing to do
    (one,) = launch(SCRIPT, 1, str(tmp_path / "one"), "-1", *cases)
    for rank in launch(SCRIPT, 2, str(tmp_path / "two"), "-1", *cases):
        for case in cases:
            mine, wanted = rank[case], one[case]
            for values, of_one in zip(mine["metrics"], wanted["metrics"], strict=True):
                assert values == pytest.approx(of_one, rel=1e-6, abs=1e-9, nan_ok=True)
            assert mine["agreement"] == wanted["agreement"]
            assert mine["totals"] == pytest.approx(wanted["totals"], rel=1e-6)
            for name, layer in wanted["layers"].items():
                assert mine["layers"][name]["counts"] == layer["counts"]
                means = torch.tensor(mine["layers"][name]["means"]), torch.tensor(layer["means"])
                torch.testing.assert_close(*means, rtol=1e-6, atol=1e-7)
    assert list((tmp_path / "two" / "checkpoint").iterdir()) == []
