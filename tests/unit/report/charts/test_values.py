"""Values in several places: intervals, log axes, and what a hover says."""

from __future__ import annotations

import math

import pytest

from nc_hf.report import MetricValue
from nc_hf.report.charts.values import curve_panel, metric_names, value_row, within
from nc_hf.report.intervals import interval


def test_a_row_has_both_ends_of_its_interval() -> None:
    metric = MetricValue(0.5, 0.01)
    row = value_row("nc4_agreement", metric, 10)
    assert row is not None
    assert (row["low"], row["high"]) == interval("nc4_agreement", metric, 10)
    assert row["interval"] == "0.477 to 0.523"


def test_without_an_error_the_interval_is_not_known() -> None:
    assert value_row("nc4_agreement", MetricValue(0.5), 10) == {
        "value": 0.5, "low": 0.5, "high": 0.5, "interval": "not known",
    }  # fmt: skip
    assert value_row("nc4_agreement", MetricValue(math.nan), 10) is None


@pytest.mark.parametrize(("last", "log"), [(0.9, False), (50.0, True)])
def test_values_over_decades_stand_on_a_log_axis(last: float, log: bool) -> None:
    rows = [{"place": "a", "value": 0.5, "low": 0.0, "high": 1.0, "interval": ""}]
    rows.append({"place": "b", "value": last, "low": last, "high": last, "interval": ""})
    panel = curve_panel("nc1_cdnv", rows, {"field": "place"}, "place")
    assert (panel["layer"][1]["encoding"]["y"]["scale"].get("type") == "log") is log
    assert panel["layer"][1]["encoding"]["y"]["scale"]["padding"] > 5, "or a point at the edge is cut"
    assert panel["data"]["values"][0]["low"] == (0.25 if log else 0.0)
    assert panel["description"] == f"nc1_cdnv goes from 0.5 at a to {last:.3g} at b."


def test_an_interval_from_0_goes_on_to_half_the_least_value() -> None:
    rows = [{"value": 2.0, "low": 0.0}, {"value": 8.0, "low": 7.0}]
    assert [within(row, rows)["low"] for row in rows] == [1.0, 7.0]


def test_names_come_in_order_once() -> None:
    one, two = {"b": MetricValue(1.0), "a": MetricValue(1.0)}, {"c": MetricValue(1.0), "a": MetricValue(1.0)}
    assert metric_names([one, two]) == ["b", "a", "c"]
