"""The text of a row: columns and entries of objects, null, and rows that lack the text."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count, islice
from typing import Any

import pytest

from nc_hf.corpus.columns import LACKING, check_column, entry, texts_of
from nc_hf.corpus.reading import ReadRecord
from nc_hf.errors import CorpusError


def taken(rows: Iterable[Any], column: str = "text") -> tuple[list[str], ReadRecord]:
    record = ReadRecord()
    texts = texts_of(enumerate(rows, start=1), column, lambda number: f"Row {number}", record)
    return list(texts), record


@pytest.mark.parametrize(
    ("row", "found"),
    [
        ({"a": {"b": {"c": "deep"}}}, "deep"),
        ({"a.b.c": "flat", "a": {"b": {"c": "deep"}}}, "flat"),
        ({"a": {"b": None}}, None),
        ({"a": {"b": "text"}}, LACKING),
        ({"a": [{"b": {"c": "in a list"}}]}, LACKING),
        ({"b": {"c": "elsewhere"}}, LACKING),
        ({}, LACKING),
    ],
)
def test_dots_lead_into_objects(row: dict[str, Any], found: object) -> None:
    assert entry(row, "a.b.c") == found


def test_null_rows_are_empty_and_rows_without_the_column_are_skipped_and_both_counted() -> None:
    rows = [{"text": "a"}, {"text": None}, {"other": "b"}, {"text": 3}, {"text": "c"}, {"text": ""}]
    texts, record = taken(rows)
    assert texts == ["a", "c", ""]
    assert (record.rows, record.empty, record.skipped, record.unit) == (6, 1, 2, "row")


def test_where_most_rows_lack_the_text_the_first_of_them_is_named() -> None:
    with pytest.raises(CorpusError, match=r"^Row 2 has no column 'text' \(its columns: story\): name the one"):
        taken([{"text": "a"}, {"story": "b"}, {"story": "c"}])
    with pytest.raises(CorpusError, match=r"^Row 1 has no text in the column 'text': choose another column\.$"):
        taken([{"text": 3}])
    half, _ = taken([{"text": "a"}, {"story": "b"}])
    assert half == ["a"]


def test_of_an_endless_text_the_first_thousand_rows_tell() -> None:
    endless = ({"story": number} for number in count())
    with pytest.raises(CorpusError, match=r"^Row 1 has no column 'text'"):
        taken(endless)
    mixed = ({"text": str(number)} if number % 3 else {} for number in count())
    record = ReadRecord()
    texts = texts_of(enumerate(mixed), "text", str, record)
    assert len(list(islice(texts, 5000))) == 5000
    assert record.skipped == 2500


def test_columns_of_a_table_are_checked_before_a_row_is_read() -> None:
    check_column({"doc": {"text": ""}}, "doc.text", "The table")
    with pytest.raises(
        CorpusError, match=r"^The table has no column 'text' \(its columns: doc\.text, doc\.at\.n, id\)"
    ):
        check_column({"doc": {"text": "", "at": {"n": ""}}, "id": ""}, "text", "The table")
    with pytest.raises(CorpusError, match=r"its columns: none"):
        check_column({}, "text", "The table")
