"""Which axes are logarithmic."""

from __future__ import annotations

import math

import pytest

from nc_hf.report.axes import spans_decades, wants_log


@pytest.mark.parametrize(
    ("values", "log"),
    [([1, 4], True), ([1, 3], False), ([0, 100], False), ([-1, 100], False), ([], False), ([math.nan, 1, 9], True)],
)
def test_only_positive_values_far_apart_call_for_a_log_axis(values: list[float], log: bool) -> None:
    assert spans_decades(values) is log


def test_shares_of_tokens_stay_linear() -> None:
    assert wants_log("nc1_cdnv", [0.01, 1.0], 10.0)
    assert not wants_log("nc4_agreement", [0.01, 1.0], 10.0)
