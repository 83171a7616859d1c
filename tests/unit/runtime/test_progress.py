"""What a listener is told of a stage: amounts, rates, and what an earlier run did."""

from __future__ import annotations

import pytest

from nc_hf.errors import CancelledError
from nc_hf.runtime import progress
from nc_hf.runtime.progress import Meter, Progress


class Clock:
    """Stands for the module ``time`` and goes on as it is told."""

    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


def test_a_stage_is_announced_and_every_step_is_told(clock: Clock) -> None:
    seen: list[Progress] = []
    meter = Meter(seen.append, "measuring", total=100)
    clock.now += 2
    meter.advance(40)
    clock.now += 3
    meter.advance(60)
    assert seen == [
        Progress("measuring", 0, 100, 0.0),
        Progress("measuring", 40, 100, 2.0),
        Progress("measuring", 100, 100, 5.0),
    ]
    assert [reading.remaining for reading in seen] == [None, 3.0, 0.0]


def test_what_an_earlier_run_did_counts_neither_as_done_nor_as_to_do(clock: Clock) -> None:
    seen: list[Progress] = []
    meter = Meter(seen.append, "measuring", total=100, done=80)
    clock.now += 5
    meter.advance(10)
    assert (seen[-1].done, seen[-1].total, seen[-1].rate, seen[-1].remaining) == (10, 20, 2.0, 5.0)


@pytest.mark.parametrize(
    ("done", "total", "seconds", "rate", "remaining"),
    [
        (0, 0, 0.0, 0.0, None),
        (0, 100, 4.0, 0.0, None),  # nothing yet, so that nothing can be said
        (50, 0, 5.0, 10.0, None),  # of how many is not known
        (120, 100, 10.0, 12.0, 0.0),  # more than was announced
    ],
)
def test_rates_where_little_is_known(
    done: int, total: int, seconds: float, rate: float, remaining: float | None
) -> None:
    reading = Progress("downloading", done, total, seconds)
    assert (reading.rate, reading.remaining) == (rate, remaining)


def test_a_total_smaller_than_what_was_done_before_leaves_nothing_to_do(clock: Clock) -> None:
    seen: list[Progress] = []
    Meter(seen.append, "packing", total=10, done=30)
    assert (seen[0].done, seen[0].total) == (0, 0)


def test_an_error_of_the_listener_reaches_the_caller() -> None:
    def cancel(reading: Progress) -> None:
        if reading.done:
            raise CancelledError("called off: start again.")

    meter = Meter(cancel, "packing", total=10)
    with pytest.raises(CancelledError):
        meter.advance(1)


def test_nobody_need_listen() -> None:
    Meter(None, "loading").advance(5)
