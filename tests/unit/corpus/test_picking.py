"""Documents from all over a text: as many as wanted, nested, in order, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from nc_hf.corpus.picking import pick_documents

TEXTS = [f"{number:03d}" + "x" * (number % 7) for number in range(300)]


@pytest.mark.parametrize("characters", [1, 10, 100, 999])
def test_as_many_characters_as_wanted_in_order(characters: int) -> None:
    picked = pick_documents(TEXTS, characters)
    assert sum(map(len, picked)) == characters
    whole = [text for text in picked if text in TEXTS]
    assert len(whole) >= len(picked) - 1, "more than one was cut"
    places = [TEXTS.index(text) for text in whole]
    assert places == sorted(places)


def test_from_all_over_the_text() -> None:
    places = [int(text[:3]) for text in pick_documents(TEXTS, 600) if len(text) > 2]
    assert all(any(low <= place < low + 60 for place in places) for low in range(0, 300, 60)), places


def test_a_larger_pick_has_all_of_a_smaller_one() -> None:
    small, large = (pick_documents(TEXTS, characters) for characters in (200, 700))
    assert len({text[:3] for text in small if len(text) > 2} - {text[:3] for text in large}) == 0


def test_a_short_text_is_taken_whole() -> None:
    total = sum(map(len, TEXTS))
    assert pick_documents(TEXTS, total) == pick_documents(TEXTS, 10**9) == TEXTS
    assert pick_documents([], 5) == []


def test_one_long_document_is_cut() -> None:
    assert pick_documents(["abcdef" * 100], 7) == ["abcdefa"]


def test_the_first_are_taken_and_no_more_is_read() -> None:
    read: list[str] = []

    def reading() -> Iterator[str]:
        for text in TEXTS:
            read.append(text)
            yield text

    picked = pick_documents(reading(), 20, first=True)
    assert "".join(picked) == "".join(TEXTS)[:20]
    assert len(read) == len(picked)


def test_memory_holds_what_is_picked_alone() -> None:
    alive: list[int] = []

    class Text(str):
        __slots__ = ()

        def __new__(cls, value: str) -> Text:
            alive.append(1)
            return super().__new__(cls, value)

        def __del__(self) -> None:
            alive.pop()

    most = 0

    def reading() -> Iterator[str]:
        nonlocal most
        for number in range(2_000):
            yield Text(f"{number:010d}")
            most = max(most, len(alive))

    pick_documents(reading(), 100)
    assert most < 20
