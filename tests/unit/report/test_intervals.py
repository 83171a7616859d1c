"""Intervals: Student's t beside SciPy's, and never beyond what a value can be."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from scipy import stats

from nc_hf.report import MetricValue, Report
from nc_hf.report.intervals import groups_of, interval, spoken
from nc_hf.report.record import ErrorRecord


@pytest.mark.parametrize("groups", [5, 10, 20])
def test_both_ends_lie_t_errors_away(groups: int) -> None:
    reach = float(stats.t.ppf(0.975, groups - 1)) * 0.02
    assert interval("nc2_cos_std", MetricValue(0.3, 0.02), groups) == pytest.approx((0.3 - reach, 0.3 + reach))


@pytest.mark.parametrize(
    ("name", "value", "ends"),
    [
        ("nc4_agreement", 0.99, (None, 1.0)),
        ("nc1_trace_ratio", 0.01, (0.0, None)),
        ("nc3_cos_mean_centred", 0.01, (None, None)),
        ("loss", 0.01, (0.0, None)),
    ],
)
def test_an_interval_ends_where_values_do(name: str, value: float, ends: tuple[float | None, float | None]) -> None:
    found = interval(name, MetricValue(value, 0.02), 10)
    reach = float(stats.t.ppf(0.975, 9)) * 0.02
    expected = tuple(value + sign * reach if end is None else end for sign, end in zip((-1, 1), ends, strict=True))
    assert found == pytest.approx(expected)


def test_a_share_of_0_or_1_has_its_bound() -> None:
    assert interval("nc4_agreement", MetricValue(1.0, bound=0.003), 10) == (0.997, 1.0)
    assert interval("nc4_agreement", MetricValue(0.0, bound=0.003), 10) == (0.0, 0.003)


@pytest.mark.parametrize("metric", [MetricValue(0.5), MetricValue(0.5, math.nan), MetricValue(math.inf, 0.1)])
def test_none_without_an_error(metric: MetricValue) -> None:
    assert interval("nc4_agreement", metric, 10) is None


def test_reports_from_before_groups_were_counted_have_ten(report: Report) -> None:
    assert groups_of(replace(report, errors=None)) == 10
    assert groups_of(replace(report, errors=ErrorRecord(7, "fixed", {}))) == 7


def test_an_interval_has_the_decimals_of_its_value() -> None:
    assert spoken(MetricValue(0.5369, 0.0053), (0.52481, 0.54899)) == "0.5248 to 0.5490"
    assert spoken(MetricValue(1.0, bound=0.003), (0.997, 1.0)) == "0.9970 to 1.000"
