"""How long an analysis may take, by those before it."""

from __future__ import annotations

import pytest

from nc_hf.space.pace import Pace


def test_there_is_no_estimate_before_the_first_analysis() -> None:
    pace = Pace()
    assert pace.estimate(10**6, 50_000) is None
    assert pace.typical is None


def test_an_estimate_goes_by_the_analysis_nearest_in_work() -> None:
    pace = Pace()
    pace.note(10**6, 50_000, 6.0)
    pace.note(10**8, 50_000, 90.0)
    assert pace.estimate(10**8, 100_000) == pytest.approx(180.0)
    assert pace.estimate(5 * 10**7, 50_000) == 90.0  # less work than the nearest is not promised to be quicker
    assert pace.estimate(2 * 10**6, 50_000) == pytest.approx(12.0)


def test_every_layer_and_the_final_one_are_estimated_apart() -> None:
    pace = Pace()
    pace.note(10**6, 50_000, 6.0)
    assert pace.estimate(10**6, 50_000, "all") is None
    pace.note(10**6, 50_000, 20.0, "all")
    assert (pace.estimate(10**6, 50_000), pace.estimate(10**6, 50_000, "all")) == (6.0, 20.0)


@pytest.mark.parametrize("factor", [150, 1 / 150])
def test_work_unlike_all_before_has_no_estimate(factor: float) -> None:
    pace = Pace()
    pace.note(10**6, 50_000, 6.0)
    assert pace.estimate(int(10**6 * factor), 50_000) is None


def test_what_took_no_time_or_has_no_weights_is_not_remembered() -> None:
    pace = Pace()
    for entry in ((0, 10, 1.0), (10, 0, 1.0), (10, 10, 0.0)):
        pace.note(*entry)
    assert pace.typical is None


def test_the_typical_time_is_the_median_of_the_last_twenty() -> None:
    pace = Pace()
    for seconds in [1000.0] * 30 + [float(n) for n in range(1, 21)]:
        pace.note(10, 10, seconds)
    assert pace.typical == 10.5
