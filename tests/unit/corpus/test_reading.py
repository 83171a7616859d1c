"""The record of what was read: counted anew at each reading, and told in a line."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import pytest

from nc_hf.corpus import reading
from nc_hf.corpus.reading import ReadRecord, Source, Texts


def texts(*given: str, limit: int | None = None, **about: object) -> Texts:
    def read(record: ReadRecord) -> Iterator[str]:
        record.note_unit("row")
        for text in given:
            record.rows += 1
            yield text

    return Texts(Source("all", read, **about), limit)  # type: ignore[arg-type]


def test_texts_are_counted_as_they_are_read_and_anew_each_time() -> None:
    corpus = texts("a", "", "b", " \n", "a", files=2, left_out=("LICENSE.txt",))
    expected = ReadRecord(2, 5, 3, "row", empty=2, repeated=1, left_out=["LICENSE.txt"], complete=True)
    for _ in range(2):
        assert list(corpus) == ["a", "", "b", " \n", "a"]
        assert corpus.record == expected


def test_who_stops_early_has_read_a_part() -> None:
    corpus = texts("a", "b", "c")
    assert list(islice(corpus, 2)) == ["a", "b"]
    assert (corpus.record.documents, corpus.record.complete) == (2, False)
    assert list(texts("a", "b", limit=2)) == ["a", "b"]
    bounded = texts("a", "b", "c", limit=2)
    assert list(bounded) == ["a", "b"]
    assert not bounded.record.complete
    unbounded = texts("a", limit=2)
    assert list(unbounded) == ["a"]
    assert unbounded.record.complete


def test_repeated_texts_are_remembered_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "REMEMBERED", 2)
    corpus = texts("a", "b", "c", "c", "a", "b")
    assert len(list(corpus)) == 6
    assert corpus.record.repeated == 2


def test_units_are_named_once_and_in_the_order_in_which_they_come() -> None:
    record = ReadRecord()
    for unit in ("row", "part", "row", "file"):
        record.note_unit(unit)
    assert record.unit == "row, part, file"


@pytest.mark.parametrize(
    ("record", "told"),
    [
        (ReadRecord(1, 1, 1, "file", complete=True), "1 document (file) in 1 file"),
        (ReadRecord(0, 5000, 5000, "story", complete=True), "5,000 documents (story)"),
        (
            ReadRecord(2, 9, 5, "row", skipped=1, empty=3, repeated=2, complete=True, left_out=["a.txt"]),
            "5 documents (row) of 9 rows in 2 files: 1 without text, skipped, 3 empty, 2 repeated, left out a.txt",
        ),
        (ReadRecord(1, 3, 3, "part"), "3 documents (part) in 1 file: the rest was not read"),
        (ReadRecord(0, 2, 2, "row", spread=False), "2 documents (row): the rest was not read"),
        (ReadRecord(0, 2, 2, "row", spread=True), "2 documents (row): the rest was not read"),
        (ReadRecord(0, 2, 2, "row", complete=True, spread=True), "2 documents (row)"),
        (ReadRecord(left_out=list("abcdef"), complete=True), "0 documents (text): left out a, b, c, d and 2 more"),
    ],
)
def test_a_record_is_told_in_a_line(record: ReadRecord, told: str) -> None:
    assert str(record) == told


def test_what_who_measures_has_to_know() -> None:
    assert not ReadRecord(1, 100, 100, "row", empty=50, repeated=10).notable
    for notable in ({"skipped": 1}, {"left_out": ["a"]}, {"repeated": 11}):
        assert ReadRecord(documents=100, **notable).notable  # type: ignore[arg-type]
