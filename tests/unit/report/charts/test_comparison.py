"""Compared models as a picture."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

from nc_hf.report import MetricValue, Report, compare
from nc_hf.report.charts.comparison import comparison_chart, comparison_text, frequency_chart, frequency_text
from tests.kept_results import kept_result
from tests.reports import REFERENCE


@pytest.fixture(scope="module")
def reports() -> list[Report]:
    """Three models that may be compared."""
    found = Report.load(REFERENCE)
    return [
        kept_result(found, number, model=f"a/{name}", nc1_trace_ratio=value).report
        for number, (name, value) in enumerate((("one", 0.5), ("two", 0.2), ("three", 0.9)))
    ]


def test_a_row_is_a_model_with_its_error_in_the_order_of_the_comparison(reports: list[Report]) -> None:
    comparison = compare(reports)
    spec = comparison_chart(comparison, "nc1_trace_ratio")
    rows = spec["data"]["values"]
    assert [row["model"] for row in rows] == list(comparison.names)
    for row, report in zip(rows, reports, strict=True):
        metric = report.metrics["nc1_trace_ratio"]
        assert metric.stderr is not None
        assert (row["low"], row["high"]) == pytest.approx((metric.value - metric.stderr, metric.value + metric.stderr))
    assert rows[1]["shown"] == "0.200 ± 0.0020"
    assert spec["encoding"]["y"]["sort"] == list(comparison.names)
    json.dumps(spec, allow_nan=False)


def test_the_most_collapsed_is_named_only_where_the_comparison_does(reports: list[Report]) -> None:
    def said(given: list[Report]) -> list[str]:
        return [row["said"] for row in comparison_chart(compare(given), "nc1_trace_ratio")["data"]["values"]]

    assert said(reports) == ["a/one", "a/two, most collapsed", "a/three"]
    elsewhere = replace(reports[0].corpus, source="hub:other/text", fingerprint="0" * 64)
    assert said([replace(reports[0], corpus=elsewhere), *reports[1:]]) == ["a/one", "a/two", "a/three"]


def test_what_is_no_number_or_missing_is_left_out_and_keeps_the_marks_of_the_others(reports: list[Report]) -> None:
    undefined = replace(reports[0], metrics={**reports[0].metrics, "nc1_trace_ratio": MetricValue(math.nan)})
    missing = replace(reports[2], metrics={})
    spec = comparison_chart(compare([undefined, reports[1], missing]), "nc1_trace_ratio")
    assert [row["model"] for row in spec["data"]["values"]] == ["a/two"]
    assert spec["layer"][1]["encoding"]["color"]["scale"]["domain"] == ["a/one", "a/two", "a/three"]


def test_who_does_not_see_it_is_told(reports: list[Report]) -> None:
    told = comparison_text(compare(reports), "nc1_trace_ratio")
    assert "nc1_trace_ratio, smaller is more collapsed" in told
    assert "a/two 0.2000 ± 0.0020, most collapsed; a/three 0.9000 ± 0.0090." in told
    by_frequency = frequency_text(reports, ["one", "two", "three"])
    first = next(stratum for stratum in reports[0].strata if stratum.used)
    assert f"at {first.low:,} to {first.high:,} tokens" in by_frequency


def test_a_point_is_a_stratum_that_counts(reports: list[Report]) -> None:
    names = ["one", "two", "three"]
    rows = frequency_chart(reports, names)["data"]["values"]
    used = [stratum for stratum in reports[0].strata if stratum.used]
    assert [row["low"] for row in rows if row["model"] == "two"] == [stratum.low for stratum in used]
    assert [row["value"] for row in rows if row["model"] == "one"] == [
        pytest.approx(float(stratum.metrics["nc1_trace_ratio"])) for stratum in used
    ]
    without = [replace(report, strata=[]) for report in reports]
    assert frequency_chart(without, names)["data"]["values"] == []
    assert "not measured" in frequency_text(without, names)
