"""The grammar is read as its files say that it is written."""

from __future__ import annotations

import pytest

from nc_hf.corpus.grammar import SLOT, Slot, parts_of, places, plots, weights, words


@pytest.mark.parametrize(
    ("template", "wanted"),
    [
        ("Nothing to fill.", ("Nothing to fill.",)),
        ("{Hero} ran.", (Slot("", "", "hero", "hero", "", True), " ran.")),
        ("to {a place.prop2}", ("to ", Slot("a ", "", "place.prop2", "place", "prop", False))),
        ("{A *toy}", (Slot("A ", "", "", "toy", "", True),)),
        ("{toy2}{>end}", (Slot("", "", "toy2", "toy2", "", False), Slot("", "end", "", "", "", False))),
    ],
    ids=str,
)
def test_a_template_is_parted_into_text_and_slots(template: str, wanted: tuple[str | Slot, ...]) -> None:
    assert parts_of(template) == wanted


def test_what_stands_between_slots_is_all_that_is_left_without_them() -> None:
    for lines in plots().values():
        for line in lines:
            text = "".join(part for part in parts_of(line) if isinstance(part, str))
            assert text == SLOT.sub("", line)
            assert sum(isinstance(part, Slot) for part in parts_of(line)) == len(SLOT.findall(line))


def test_every_slot_names_a_rule_or_a_word_that_there_is() -> None:
    slots = [part for lines in plots().values() for line in lines for part in parts_of(line) if isinstance(part, Slot)]
    assert {slot.rule for slot in slots if slot.rule} <= plots().keys()
    assert len([slot for slot in slots if not slot.rule]) > 1000, "and most are words"


def test_ranks_have_the_weights_of_zipf_and_mandelbrot() -> None:
    assert weights(3) == pytest.approx((1 / 3, 1 / 3 + 1 / 4, 1 / 3 + 1 / 4 + 1 / 5))


def test_the_places_of_a_word_are_where_it_stands_in_its_table() -> None:
    assert places().keys() == words().keys()
    for name, rows in words().items():
        found = [place for stand in places()[name].values() for place in stand]
        assert sorted(found) == list(range(len(rows))), "each row once"
        assert all(rows[place][""] == [word] for word, stand in places()[name].items() for place in stand)
