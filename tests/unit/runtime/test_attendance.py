"""Who is there, and who is lost: ranks in threads, and ranks that a test plays by what they write into the store."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest
import torch.distributed as dist

from nc_hf.errors import ProcessError
from nc_hf.runtime.attendance import Attendance

SILENCE, LONG = 0.3, 60.0
LOST = f"Process 2 of 3 is lost, silent for {SILENCE} seconds: start again."


class Ranks:
    """Ranks of one store, each in a thread when it meets."""

    def __init__(self) -> None:
        self.store = dist.HashStore()
        self.there: list[Attendance] = []

    def of(self, *ranks: int, size: int, silence: float = SILENCE, patience: float = LONG) -> list[Attendance]:
        made = [Attendance(self.store, rank, size, silence=silence, patience=patience) for rank in ranks]
        self.there += made
        return made


@pytest.fixture
def ranks() -> Iterator[Ranks]:
    made = Ranks()
    yield made
    for each in made.there:
        each.leave()


def outcomes(present: list[Attendance], times: int = 1) -> list[str]:
    """What each says of so many meetings: nothing, or why there was none."""

    def meet(attendance: Attendance) -> str:
        try:
            for _ in range(times):
                attendance.meet()
        except ProcessError as error:
            return str(error)
        return ""

    with ThreadPoolExecutor(len(present)) as pool:
        return list(pool.map(meet, present))


def test_nobody_leaves_a_meeting_before_all_came(ranks: Ranks) -> None:
    first, second = ranks.of(0, 1, size=2)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(first.meet)
        with pytest.raises(TimeoutError):
            waiting.result(timeout=2 * SILENCE)  # it lives, and is waited for
        second.meet()
        assert waiting.result(timeout=LONG) is None


def test_ranks_that_live_meet_as_often_as_they_like(ranks: Ranks) -> None:
    assert outcomes(ranks.of(0, 1, 2, size=3), times=50) == ["", "", ""]


def test_a_rank_whose_heart_stands_still_is_named_on_every_other(ranks: Ranks) -> None:
    ranks.store.set("nc_hf/heart/2", "7 0")
    assert outcomes(ranks.of(0, 1, size=3)) == [LOST, LOST]


def test_a_rank_that_was_late_is_told_the_same_and_can_meet_again(ranks: Ranks) -> None:
    ranks.store.set("nc_hf/heart/2", "7 0")
    others = ranks.of(0, 1, size=3)
    outcomes(others)
    late = ranks.of(2, size=3)
    assert outcomes(late) == [LOST]
    assert outcomes([*others, *late], times=3) == ["", "", ""]


def test_a_rank_that_has_come_is_not_the_one_that_is_waited_for(ranks: Ranks) -> None:
    ranks.store.set("nc_hf/heart/0", "3 1")  # came, and is heard of no more
    ranks.store.set("nc_hf/heart/2", "3 0")
    assert outcomes(ranks.of(1, size=3)) == [LOST]


def test_a_rank_that_left_is_lost_at_once(ranks: Ranks) -> None:
    first, second = ranks.of(0, 1, size=2, silence=LONG)
    second.leave()
    assert outcomes([first]) == ["Process 1 of 2 has ended while others waited for it: start again."]


@pytest.mark.slow
@pytest.mark.parametrize("begun", [False, True], ids=["never began", "works on"])
def test_a_rank_that_does_not_come_is_lost_in_the_end(ranks: Ranks, begun: bool) -> None:
    """No heartbeat at all may be of a rank that has yet to load its libraries: it gets as long as one that works."""
    (first, *_) = ranks.of(0, *([1] if begun else []), size=2, silence=SILENCE / 10, patience=4 * SILENCE)
    assert outcomes([first]) == [
        f"Process 1 of 2 did not come to the others within {4 * SILENCE:g} seconds: start again."
    ]


class DeadStore:
    """A store whose keeper is gone, or which never answers."""

    def __init__(self, *, answers: bool) -> None:
        self.answers, self.freed = answers, Event()

    def __getattr__(self, name: str) -> Any:
        def ask(*_: object) -> None:
            if not self.answers:
                self.freed.wait()
            raise dist.DistNetworkError("Connection reset by peer")

        return ask


@pytest.mark.parametrize("answers", [True, False])
def test_without_the_store_nobody_is_waited_for(answers: bool) -> None:
    store = DeadStore(answers=answers)
    alone = Attendance(store, 1, 2, silence=SILENCE, patience=LONG)
    try:
        for _ in range(2):
            with pytest.raises(ProcessError, match=r"process 0, or the launcher.*start again\."):
                alone.meet()
        if answers:
            with pytest.raises(ProcessError, match="process 0"):
                alone.explain()
    finally:
        store.freed.set()
        alone.leave()


def test_a_failed_collective_is_explained_by_who_was_lost(ranks: Ranks) -> None:
    ranks.store.set("nc_hf/heart/2", "7 4")  # it had come to the meeting before
    first, second = ranks.of(0, 1, size=3)
    with pytest.raises(ProcessError, match=LOST):
        first.explain()
    first.leave()  # the one that is left knows who was lost before
    assert outcomes([second]) == [LOST]
    with pytest.raises(ProcessError, match=LOST):
        second.explain()


def test_nothing_is_said_where_all_live(ranks: Ranks) -> None:
    for each in ranks.of(0, 1, size=2):
        each.explain()


@pytest.mark.parametrize("store_is_gone", [False, True])
def test_a_command_is_ended_where_it_may_be_held_up(ranks: Ranks, store_is_gone: bool) -> None:
    said: list[str] = []
    ended = Event()

    def end(sentence: str) -> None:
        said.append(sentence)
        ended.set()

    if store_is_gone:
        alone = Attendance(DeadStore(answers=True), 1, 2, silence=SILENCE, patience=LONG)
        ranks.there.append(alone)
    else:
        ranks.store.set("nc_hf/heart/0", "left")  # done, as far as one knows
        ranks.store.set("nc_hf/heart/2", "7 0")
        (alone,) = ranks.of(1, size=3)
    alone.ends = end
    assert ended.wait(LONG)
    assert said[0].startswith("The process that the others meet through" if store_is_gone else LOST)


def test_who_leaves_ends_nothing(ranks: Ranks) -> None:
    alone = Attendance(DeadStore(answers=True), 1, 2, silence=SILENCE, patience=LONG)
    alone.ends = pytest.fail
    alone.leave()
    assert not alone._thread.is_alive()
    assert alone.ends is None


@pytest.mark.parametrize("asked", ["meet", "explain"])
def test_a_command_that_was_told_is_not_ended_too(ranks: Ranks, asked: str) -> None:
    ranks.store.set("nc_hf/heart/2", "7 0")
    first, _ = ranks.of(0, 1, size=3)
    said: list[str] = []
    first.ends = said.append
    with pytest.raises(ProcessError, match=LOST):
        getattr(first, asked)()
    assert first.ends is None
    assert said == []
