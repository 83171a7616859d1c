"""Words beside points: none overlaps another, none moves as the map grows, and the important come first."""

from __future__ import annotations

import itertools
import random

from nc_hf.report.charts.labels import WIDTHS, _box, label_widths

RANDOM = random.Random(1)
POINTS = [(RANDOM.gauss(0, 1), RANDOM.gauss(0, 1)) for _ in range(150)]
TEXTS = [chr(97 + place % 26) * (1 + place % 7) for place in range(150)]
EXTENT = 6.0


def test_no_word_meets_another_or_covers_a_point_at_any_width() -> None:
    found = label_widths(POINTS, TEXTS, EXTENT, important=10)
    for width in WIDTHS:
        shown = [place for place, least in enumerate(found) if least is not None and least <= width]
        boxes = {place: _box(POINTS[place], TEXTS[place], width / EXTENT) for place in shown}
        assert not any(boxes[a].meets(boxes[b]) for a, b in itertools.combinations(shown, 2)), width
        dots = [_box(point, None, width / EXTENT) for point in POINTS]
        first = [place for place in shown if place >= 10 and found[place] == width]
        assert not any(boxes[place].meets(dot) for place in first for dot in dots)


def test_there_are_more_of_them_the_larger_the_map_is() -> None:
    found = [least for least in label_widths(POINTS, TEXTS, EXTENT) if least is not None]
    shown = [sum(least <= width for least in found) for width in WIDTHS]
    assert shown == sorted(shown)
    assert 5 < shown[0] < 60 < shown[-1]


def test_who_comes_first_has_the_first_choice() -> None:
    near = [(0.0, 0.0), (0.001, 0.0), (3.0, 0.0)]
    found = label_widths(near, ["first", "second", "third"], EXTENT)
    assert found[0] == found[2] == WIDTHS[0]
    assert found[1] is None, "two at one point have never room for both"
    covered = [(0.0, 0.0), (0.2, 0.0)]
    assert label_widths(covered, ["first"], EXTENT) == [2000], "where the point beside it is no longer under it"
    assert label_widths(covered, ["first"], EXTENT, important=1) == [WIDTHS[0]]


def test_no_point_has_no_word() -> None:
    assert label_widths([], [], EXTENT) == []
