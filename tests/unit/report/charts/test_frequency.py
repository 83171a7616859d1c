"""Frequency: every token on a log axis, bins with their means, and NC4 with its interval."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from scipy.stats import binomtest

from nc_hf.report import Report
from nc_hf.report.charts.frequency import frequency_chart, wilson
from tests.reports import SCHEMA_6


@pytest.mark.parametrize(("agreed", "count"), [(0, 10), (3, 10), (512, 1024), (10, 10)])
def test_the_interval_of_a_share_is_wilson_s(agreed: int, count: int) -> None:
    expected = binomtest(agreed, count).proportion_ci(0.95, method="wilson")
    assert wilson(agreed / count, count) == pytest.approx((expected.low, expected.high))


def test_every_token_and_every_bin_is_drawn() -> None:
    report = Report.load(SCHEMA_6)
    table = report.token_table
    assert table is not None
    used = [stratum for stratum in report.strata if stratum.used]
    scatter, duality, agreement = frequency_chart(report).panels
    shown = [s for s in used if any(s.low <= count <= s.high for count in table.columns.counts)]
    for panel, values, bins in (
        (scatter, table.columns.variability, shown),
        (duality, table.columns.duality, used),
    ):
        rows = panel["data"]["values"]
        assert [row["value"] for row in rows if row["kind"] == "token"] == values
        assert [(row["from"], row["to"]) for row in rows if row["kind"] == "bin"] == [(s.low, s.high) for s in bins]
        assert panel["layer"][0]["encoding"]["x"]["scale"] == {"type": "log"}
    assert [row["value"] for row in duality["data"]["values"] if row["kind"] == "bin"] == [s.duality for s in used]
    assert [row["value"] for row in agreement["data"]["values"]] == [s.metrics["nc4_agreement"] for s in used]
    for row, stratum in zip(agreement["data"]["values"], used, strict=True):
        assert (row["low"], row["high"]) == wilson(row["value"], stratum.agreement_tokens)


def test_the_mean_of_a_bin_is_that_of_its_tokens() -> None:
    report = Report.load(SCHEMA_6)
    assert report.token_table is not None
    columns = report.token_table.columns
    rows = frequency_chart(report).panels[0]["data"]["values"]
    for bin_ in (row for row in rows if row["kind"] == "bin"):
        both = zip(columns.variability, columns.counts, strict=True)
        inside = [value for value, count in both if bin_["from"] <= count <= bin_["to"]]
        assert bin_["value"] == pytest.approx(sum(inside) / len(inside))


def test_what_is_no_number_is_left_out() -> None:
    report = Report.load(SCHEMA_6)
    table = report.token_table
    assert table is not None
    columns = replace(table.columns, duality=[math.nan] * len(table.columns.duality))
    strata = [replace(stratum, duality=math.nan, metrics={"nc4_agreement": math.nan}) for stratum in report.strata]
    undefined = replace(report, token_table=replace(table, columns=columns), strata=strata)
    scatter, duality = frequency_chart(undefined).panels
    assert all(math.isfinite(row["value"]) for row in scatter["data"]["values"])
    assert duality["data"]["values"] == []


def test_a_report_without_both_says_so(report: Report) -> None:
    chart = frequency_chart(replace(report, strata=[], token_table=None))
    assert chart.panels == ()
    assert chart.note
