"""Every rank receives every rank's tensors in rank order, and the same sums."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.distributed as dist

from nc_hf.runtime.distributed import exchange_tensors, sum_over_processes
from tests.distributed.launcher import launch
from tests.paths import ROOT

SCRIPT = ROOT / "tests" / "distributed" / "exchanging.py"


class Alone:
    """One process."""

    num_processes = 1
    device = torch.device("cpu")


def test_one_process_needs_no_group_for_its_sums() -> None:
    assert not dist.is_initialized()
    assert sum_over_processes([1.0, 0.1], Alone()) == [1.0, 0.1]


def test_one_process_receives_its_own(tmp_path: Path) -> None:
    dist.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    try:
        table = torch.arange(6.0).reshape(2, 3)
        (received,) = exchange_tensors({"turned": table.T, "none": table[:0]}, Alone())
    finally:
        dist.destroy_process_group()
    assert torch.equal(received["turned"], table.T)
    assert received["none"].shape == (0, 3)


@pytest.mark.slow
def test_two_processes_receive_the_same_in_rank_order(tmp_path: Path) -> None:
    first, second = launch(SCRIPT, 2, str(tmp_path))
    assert first == second
    assert first["received"] == [
        {
            "labels": ["torch.int64", []],
            "of rank 0": ["torch.float64", [[0.0, 0.0]]],
            "halves": ["torch.bfloat16", [1.5]],
        },
        {
            "labels": ["torch.int64", [0, 1, 2]],
            "of rank 1": ["torch.float64", [[0.1, 0.1], [0.1, 0.1]]],
            "halves": ["torch.bfloat16", [1.5]],
        },
    ]
    assert first["sums"] == [3.0, 0.2, 2.0**61]
