"""The rows of the map: what the report holds, and what kind of token each is."""

from __future__ import annotations

import pytest

from nc_hf.report import Report
from nc_hf.report.charts.token_rows import kind_of, token_rows
from tests.reports import SCHEMA_8

TABLE = Report.load(SCHEMA_8).token_table
assert TABLE is not None
assert TABLE.map is not None
MAP = TABLE.map
ROWS = token_rows(TABLE, MAP, [3.0, 3.0])


def test_a_row_a_token_with_everything_that_is_known_of_it() -> None:
    assert TABLE is not None
    assert [row["id"] for row in ROWS] == TABLE.columns.ids
    spelled = TABLE.spelled
    for place, row in enumerate(ROWS):
        assert (row["token"], row["count"]) == (TABLE.columns.texts[place], TABLE.columns.counts[place])
        assert row["scatter"] == pytest.approx(TABLE.columns.variability[place], rel=1e-3)
        assert row["duality"] == pytest.approx(TABLE.columns.duality[place], rel=1e-3)
        assert row["nearest"].split("  ") == [spelled[other] for other in MAP.nearest[place]]
        assert [int(each) for each in row["near"].strip(",").split(",")] == MAP.nearest[place]
        for number, plane in enumerate(MAP.planes):
            assert (row[f"x{number}"], row[f"row_y{number}"]) == (plane.x[place], plane.row_y[place])


def test_tokens_are_told_apart_by_where_in_a_word_they_stand() -> None:
    texts = {"␣the": "begins a word", "ing": "within a word", "\\n": "no letters", "!": "no letters", "␣": "no letters",
             "<0xE2>": "no letters", "<s>": "no letters", "#17": "no letters", "␣don": "begins a word",
             "\\u202ex": "within a word", "né": "within a word", "<": "no letters"}  # fmt: skip
    assert {text: kind_of(text) for text in texts} == texts
