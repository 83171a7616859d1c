"""Tables of numbers for the plots."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from nc_hf.report import Report, compare
from nc_hf.space.charts import COMPARED, STRATA, TOKENS, comparison_frame, overlay_frame, strata_frame, token_frame
from tests.reports import REFERENCE
from tests.varied_reports import with_values


@pytest.fixture(scope="module")
def detailed() -> Report:
    """A report with strata of class frequency and a table of tokens."""
    return Report.load(REFERENCE)


def test_a_row_is_a_stratum_that_counts(detailed: Report) -> None:
    frame = strata_frame(detailed)
    used = [stratum for stratum in detailed.strata if stratum.used]
    assert list(frame.columns) == STRATA
    assert list(frame["classes"]) == [stratum.classes for stratum in used]
    assert list(frame["scatter"]) == [stratum.metrics["nc1_trace_ratio"] for stratum in used]


def test_a_row_is_a_token_of_the_table(detailed: Report) -> None:
    table = detailed.token_table
    assert table is not None
    frame = token_frame(detailed)
    assert list(frame.columns) == TOKENS
    assert list(frame["token"]) == table.columns.texts
    assert frame["log10 of count"][0] == round(math.log10(table.columns.counts[0]), 4)
    without = token_frame(replace(detailed, token_table=None))
    assert list(without.columns) == TOKENS
    assert without.empty


def test_a_row_is_a_report_that_has_the_metric(detailed: Report) -> None:
    reports = [with_values(detailed, nc4_agreement=0.4), with_values(detailed, nc4_agreement=0.5, nc1_cdnv=2.0)]
    comparison = compare(reports)
    assert comparison_frame(comparison, "nc4_agreement").to_numpy().tolist() == [
        [comparison.names[0], 0.4],
        [comparison.names[1], 0.5],
    ]
    assert comparison_frame(comparison, "nc1_cdnv")["model"].to_list() == [comparison.names[1]]
    assert list(comparison_frame(comparison, "unknown").columns) == COMPARED


def test_strata_of_several_reports_bear_their_names(detailed: Report) -> None:
    frame = overlay_frame([detailed, detailed], ["a", "b"])
    each = len(strata_frame(detailed))
    assert list(frame["model"]) == ["a"] * each + ["b"] * each
    assert list(overlay_frame([], []).columns) == [*STRATA, "model"]
