"""Texts that come out of the cage: the same, with the same counts before each, and an end to what is too much."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from typing import Any

import pytest

from nc_hf.corpus.caged import _MOST_TEXTS, caged
from nc_hf.corpus.reading import ReadRecord
from nc_hf.errors import CorpusError, HubError
from nc_hf.errors.remedies import FrontEnd
from nc_hf.runtime.cage import limits


def told(number: int, record: ReadRecord) -> Iterator[str]:
    """Texts with rows that are empty or without text between them, before the first and behind the last."""
    record.note_unit("row")
    for row in range(number):
        record.rows += 1
        if row % 3 == 0:
            record.empty += 1
        elif row % 7 == 0:
            record.skipped += 1
        else:
            yield f"text {row} \u2603 \ud800" if row % 2 else ""
    record.note_unit("part")
    record.rows += 5


def breaking(after: int, record: ReadRecord) -> Iterator[str]:
    yield from ["a"] * after
    raise HubError("The Hub is away: try again later.")


def of_length(length: int, record: ReadRecord) -> Iterator[str]:
    yield "before"
    yield "a" * length


def endless(record: ReadRecord) -> Iterator[str]:
    yield "before"
    while True:
        record.empty += 1


def hoarding(record: ReadRecord) -> Iterator[str]:
    yield "before"
    yield "a" * (1 << 40)


def course(read: Any) -> list[tuple[str, dict[str, Any]]]:
    """Each text with the record as it was then, and the record at the end."""
    record = ReadRecord(files=3, left_out=["LICENSE"])
    seen = [(text, asdict(record)) for text in read(record)]
    return [*seen, ("", asdict(record))]


@pytest.mark.parametrize("number", [0, 1, 2, 3, 50, 4 * _MOST_TEXTS])
def test_texts_and_counts_are_the_same_at_every_text(number: int) -> None:
    read = partial(told, number)
    assert course(caged(read, "it")) == course(read)


def test_what_breaks_off_breaks_off_behind_the_texts_before() -> None:
    for after in (0, 1, 5, 30):
        texts = caged(partial(breaking, after), "it")(ReadRecord())
        assert [next(texts) for _ in range(after)] == ["a"] * after
        with pytest.raises(HubError, match="The Hub is away: try again later"):
            next(texts)


@pytest.mark.parametrize(("length", "taken"), [(1000, True), (1001, False)])
def test_a_text_beyond_the_bound_is_refused(length: int, taken: bool) -> None:
    texts = caged(partial(of_length, length), "'a file'", longest=1000)(ReadRecord())
    assert next(texts) == "before"
    if taken:
        assert len(next(texts)) == length
        return
    with pytest.raises(CorpusError) as caught:
        next(texts)
    assert caught.value.told(FrontEnd.COMMAND) == (
        "'a file' has a text of 1,001 characters, of 1,000 that are read: write it anew in shorter rows or documents, "
        "or name another --corpus."
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("read", "said"),
    [(endless, "'it' takes more than 1 seconds of computing"), (hoarding, "'it' takes more than 0.1 GB of")],
)
def test_what_takes_too_much_is_one_sentence(read: Any, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    small = partial(limits.Limits, memory=1 << 27, cpu_seconds=1)
    monkeypatch.setattr("nc_hf.runtime.cage.Limits", small)
    texts = caged(read, "'it'")(ReadRecord())
    assert next(texts) == "before"
    with pytest.raises(CorpusError, match=said):
        next(texts)


def test_a_record_is_not_shared_between_two_readings() -> None:
    read = caged(partial(told, 9), "it")
    assert course(read) == course(read)
