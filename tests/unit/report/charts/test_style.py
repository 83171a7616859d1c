"""The look of charts: both themes, told apart without colour, and three digits in a hover."""

from __future__ import annotations

import pytest

from nc_hf.report.charts.style import (
    DIGITS,
    SHAPES,
    THEMES,
    Chart,
    config,
    ending,
    heading_of,
    hover,
    mark,
    panel,
    quantity,
)
from nc_hf.report.palette import DARK, LIGHT, Palette


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2 defines it."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("palette", [LIGHT, DARK])
def test_words_and_marks_stand_out_from_the_paper(palette: Palette) -> None:
    for words in (palette.ink, palette.faint, palette.accent):
        assert min(contrast(words, palette.paper), contrast(words, palette.card)) >= 4.5
    assert all(contrast(colour, palette.paper) >= 3 for colour in palette.series)
    assert config(palette)["axis"]["labelColor"] == palette.ink


def test_both_themes_have_the_same_entries_in_other_colours() -> None:
    light, dark = THEMES["light"], THEMES["dark"]
    assert light["style"].keys() == dark["style"].keys()
    assert light["style"]["mine"]["color"] != dark["style"]["mine"]["color"]


def test_a_series_is_told_apart_without_its_colour() -> None:
    assert len(set(SHAPES)) == len(LIGHT.series) == len(DARK.series)


def test_a_hover_has_three_significant_digits() -> None:
    assert DIGITS == ".3~g"
    words, numbers = hover([("model", "Model")], [("value", "NC1")])
    assert "format" not in words
    assert numbers == {"field": "value", "title": "NC1", "type": "quantitative", "format": ".3~g"}


def test_a_panel_is_as_wide_as_its_place_and_says_what_it_shows() -> None:
    made = panel("Heading", "It rises.", [{"a": 1}], [{"mark": mark("point", "mine")}])
    assert (made["width"], made["description"], made["data"]) == ("container", "It rises.", {"values": [{"a": 1}]})
    assert Chart("x", "Title", "", (made, made)).description == "Title. It rises. It rises."


def test_an_axis_is_logarithmic_where_asked_for() -> None:
    assert quantity("a", log=True)["scale"] == {"type": "log"}
    assert quantity("a", zero=True)["scale"] == {"zero": True}


def test_a_heading_has_the_direction() -> None:
    assert heading_of("nc4_agreement") == "nc4_agreement ↑"
    assert heading_of("loss") == "loss"


def test_a_long_label_keeps_its_end() -> None:
    assert ending(14) == "length(datum.label) > 14 ? '…' + slice(datum.label, -13) : datum.label"
