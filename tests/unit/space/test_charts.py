"""Tables of numbers for the plots."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from nc_hf.report import Report
from nc_hf.space.charts import STRATA, TOKENS, strata_frame, token_frame
from tests.reports import REFERENCE


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
