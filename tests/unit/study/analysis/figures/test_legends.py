"""Legends list all that is told, and fit."""

from __future__ import annotations

import pytest
from matplotlib.figure import Figure

from nc_hf.study.analysis.figures.encoding import encode
from nc_hf.study.analysis.figures.legends import draw_legend, encoding_sections, height_of
from tests.drawn import misplaced
from tests.figure_tables import LONG, TABLES


@pytest.mark.parametrize(
    ("table", "headings"),
    [
        ("one axis of words", ["optimizer"]),
        ("two axes", ["optimizer", "dropout"]),
        ("grid with seeds", ["layers"]),
        ("one row", []),
    ],
)
def test_a_setting_is_listed_once_with_its_levels(table: str, headings: list[str]) -> None:
    sections = encoding_sections(encode(TABLES[table]))
    assert [heading for heading, _ in sections] == headings
    for heading, entries in sections:
        assert len(entries) == TABLES[table][{"layers": "depth"}.get(heading, heading)].nunique()


def test_long_names_are_broken_and_stay_different() -> None:
    sections = encoding_sections(encode(TABLES["long names, many levels"]))
    figure = Figure(figsize=(6, height_of(sections)), layout="constrained")
    figure.subplots()
    draw_legend(figure, sections)
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert sorted(text.replace("\n", "") for text in texts[1:8]) == LONG
    assert max(len(line) for text in texts for line in text.split("\n")) <= 27
    assert misplaced(figure) == []
    figure.set_figheight(height_of(sections) * 0.8)
    assert "legend 0 is cut off" in misplaced(figure)  # the height is just what it takes


def test_nothing_told_makes_no_legend() -> None:
    figure = Figure()
    draw_legend(figure, [])
    assert not figure.legends
