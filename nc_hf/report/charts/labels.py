"""Which points of a map can have a word beside them, at one size of the picture or another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WIDTHS = (300, 450, 700, 1100, 2000, 4000, 8000)
"""Pixels across the whole map: of a phone, of a page, and of parts of it that are enlarged."""
_LETTER, _LINE, _GAP, _DOT = 6.8, 13.0, 6.0, 2.0  # pixels: a letter, a line, from a point to its word, half a point


@dataclass(frozen=True)
class _Box:
    left: float
    right: float
    top: float
    bottom: float

    def meets(self, other: _Box) -> bool:
        return (
            self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom
        )


def label_widths(
    points: Sequence[tuple[float, float]], texts: Sequence[str], extent: float, important: int = 0
) -> list[int | None]:
    """Find for each point how wide the map has to be for its word to stand to the right of it.

    Words do not overlap, and cover no point, but that the first few may. Who comes first has the first choice, and a
    word that fits at one width stays at every larger one.

    Args:
        points: (x, y), the most important first.
        texts: a word each, of the first points; the others have none.
        extent: how much of x the map shows across.
        important: how many words may cover points.

    Returns:
        One of ``WIDTHS`` each; None where there is no room at any.
    """
    found: list[int | None] = [None] * len(texts)
    for width in WIDTHS:
        scale, words, dots = width / extent, _Boxes(), _Boxes()
        for point in points:
            dots.add(_box(point, None, scale))
        order = sorted(range(len(texts)), key=lambda place: found[place] is None)  # those that stand already
        for place in order:
            box = _box(points[place], texts[place], scale)
            free = not words.meet(box) and (place < important or not dots.meet(box))
            if free or found[place] is not None:
                found[place] = found[place] or width
                words.add(box)
    return found


class _Boxes:
    """Boxes by the squares of a coarse grid that they touch, so that only what is near is looked at."""

    def __init__(self) -> None:
        self._by_cell: dict[tuple[int, int], list[_Box]] = {}

    def add(self, box: _Box) -> None:
        for cell in self._cells(box):
            self._by_cell.setdefault(cell, []).append(box)

    def meet(self, box: _Box) -> bool:
        return any(box.meets(other) for cell in self._cells(box) for other in self._by_cell.get(cell, ()))

    @staticmethod
    def _cells(box: _Box) -> list[tuple[int, int]]:
        side = 3 * _LINE
        across = range(int(box.left // side), int(box.right // side) + 1)
        return [(x, y) for x in across for y in range(int(box.top // side), int(box.bottom // side) + 1)]


def _box(point: tuple[float, float], text: str | None, scale: float) -> _Box:
    """Return the box of a word beside its point, or of the middle of the point itself."""
    x, y = point[0] * scale, -point[1] * scale
    if text is None:
        return _Box(x - _DOT, x + _DOT, y - _DOT, y + _DOT)
    return _Box(x + _GAP, x + _GAP + _LETTER * len(text), y - _LINE / 2, y + _LINE / 2)
