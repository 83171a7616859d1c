"""Every rank receives every rank's tensors in rank order, and the same sums."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.distributed as dist

from nc_hf.errors import FeatureError, InputError, NCError, ProcessError
from nc_hf.runtime.attendance import VARIABLE
from nc_hf.runtime.distributed import (
    attend,
    exchange_tensors,
    explained,
    failing_together,
    sum_over_processes,
    take_leave,
    wait_for_all,
)
from tests.distributed.launcher import launch
from tests.paths import ROOT
from tests.ranks import Rank, elements_sent, on_ranks

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


def test_ranks_receive_what_differs_from_rank_to_rank() -> None:
    def exchange(rank: Rank) -> list[dict[str, torch.Tensor]]:
        number = rank.process_index
        mine = {"none": torch.empty(0, 4), f"of {number}": torch.full((2, number + 1), number, dtype=torch.int32).T}
        return list(exchange_tensors(mine if number else {}, rank))

    with elements_sent() as sent:
        found = on_ranks(3, exchange)
    for parts in found:
        assert [list(part) for part in parts] == [[], ["none", "of 1"], ["none", "of 2"]]
        assert parts[1]["none"].shape == (0, 4)
        assert torch.equal(parts[2]["of 2"], torch.full((3, 2), 2, dtype=torch.int32))
    assert sorted(set(sent)) == [4, 6], "what is empty is not sent"


def test_numbers_are_added_up_on_every_rank() -> None:
    found = on_ranks(3, lambda rank: sum_over_processes([float(rank.process_index), 2.0**60], rank))
    assert found == [[3.0, 3 * 2.0**60]] * 3


def test_a_rank_that_fails_tells_the_others() -> None:
    def work(rank: Rank) -> tuple[type[Exception], str]:
        try:
            with failing_together(rank):
                if rank.process_index == 1:
                    raise FeatureError("the features hold NaN.")
                if rank.process_index == 2:
                    raise ValueError("other")
        except Exception as trouble:
            return type(trouble), str(trouble)
        return NCError, ""

    told = (FeatureError, "the features hold NaN.")
    assert on_ranks(3, work) == [(FeatureError, f"Process 1 of 3: {told[1]}"), told, (ValueError, "other")]
    assert on_ranks(2, lambda rank: _passes(rank)) == [True, True]


def _passes(rank: Rank) -> bool:
    with failing_together(rank):
        pass
    return True


def test_what_one_process_fails_at_is_raised_there() -> None:
    with pytest.raises(FeatureError, match="here"), failing_together(Alone()):
        raise FeatureError("here")


@pytest.mark.slow
def test_who_was_lost_is_not_waited_for_once_more() -> None:
    def leave(rank: Rank) -> str:
        attend(rank)
        wait_for_all(rank)
        if rank.process_index == 1:
            return "left"
        with pytest.raises(ProcessError) as lost, failing_together(rank):
            wait_for_all(rank)
        return str(lost.value)

    said, _ = on_ranks(2, leave)
    assert said == "Process 1 of 2 has ended while others waited for it: start again."


def test_ranks_take_leave_together() -> None:
    def work(rank: Rank) -> None:
        attend(rank, pytest.fail)
        take_leave(rank)

    assert on_ranks(3, work) == [None] * 3


def test_what_is_no_loss_of_a_rank_is_raised_as_it_is() -> None:
    def fail(rank: Rank) -> None:
        wait_for_all(rank)
        with pytest.raises(RuntimeError, match="shapes differ"), explained(rank):
            raise RuntimeError("shapes differ")
        with pytest.raises(torch.OutOfMemoryError), explained(rank):
            raise torch.OutOfMemoryError
        wait_for_all(rank)

    with pytest.MonkeyPatch.context() as patched:
        patched.setenv(VARIABLE, "2")
        on_ranks(2, fail)


@pytest.mark.parametrize("said", ["no number", "0", "-3", "inf", "nan"])
def test_a_time_that_is_none_is_refused(said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, said)

    def ask(rank: Rank) -> None:
        with pytest.raises(InputError, match=f"{VARIABLE} is '{said}': set it to a number"):
            attend(rank)

    on_ranks(2, ask)


def test_a_process_by_itself_waits_for_nobody() -> None:
    attend(Alone(), pytest.fail)
    wait_for_all(Alone())
    take_leave(Alone())
