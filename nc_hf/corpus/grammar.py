"""The grammar and the words of the built-in stories, as they are read: once, and only when a story is told.

The grammar is ``data/plots.txt``, the words are ``data/words.txt``; both say how they are written.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

SLOT = re.compile(r"\{(?P<article>[Aa] )?(?P<anew>\*)?(?P<name>>?[\w.]+)\}")

Row = dict[str, list[str]]
"""One row of a table: the choices of each column; the word itself is the only choice of column ""."""


class Slot(NamedTuple):
    """A slot of a template, as it is written.

    Attributes:
        article: in front of it, "" for none.
        rule: the name of the rule that it stands for, "" where it stands for a word.
        key: by which its word is held, as "place", "toy2" or "place.prop2"; "" where it is drawn at each use.
        name: the key up to its dot: the row.
        column: of that row, "" for the word itself.
        begins: whether it begins a sentence.
    """

    article: str
    rule: str
    key: str
    name: str
    column: str
    begins: bool


@cache
def parts_of(template: str) -> tuple[str | Slot, ...]:
    """Part a template into what stands there and its slots."""
    parts: list[str | Slot] = []
    end = 0
    for match in SLOT.finditer(template):
        article, name = match["article"] or "", match["name"]
        key = name.lower()
        begins = name != key or article == "A "
        rule, key = (key[1:], "") if key.startswith(">") else ("", key)
        row, _, column = key.partition(".")
        slot = Slot(article, rule, "" if match["anew"] else key, row, column.rstrip("23"), begins)
        parts += [template[end : match.start()], slot]
        end = match.end()
    return tuple(part for part in (*parts, template[end:]) if part)


@cache
def weights(size: int) -> tuple[float, ...]:
    """Cumulative Zipf-Mandelbrot weights of ranks 1 to ``size``."""
    return tuple(accumulate(1 / (rank + 2) for rank in range(1, size + 1)))


@cache
def plots() -> dict[str, list[str]]:
    """The alternatives of each rule."""
    return {header: lines for (header, *_), lines in _sections("plots.txt")}


@cache
def words() -> dict[str, list[Row]]:
    """The rows of each table, the commonest first."""
    return {name: _rows(columns, lines) for (name, *columns), lines in _sections("words.txt")}


@cache
def places() -> dict[str, dict[str, list[int]]]:
    """Where the words of each table stand in it."""
    return {
        name: {word: [at for at, row in enumerate(rows) if row[""][0] == word] for word in (row[""][0] for row in rows)}
        for name, rows in words().items()
    }


def _sections(file: str) -> Iterator[tuple[list[str], list[str]]]:
    """Split a data file at its ``[name column ...]`` headers; comments and empty lines are left out."""
    text = files("nc_hf.corpus").joinpath("data", file).read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    headers = [at for at, line in enumerate(lines) if line.startswith("[")] + [len(lines)]
    for begin, end in pairwise(headers):
        yield lines[begin].strip("[]").split(), lines[begin + 1 : end]


def _rows(columns: list[str], lines: list[str]) -> list[Row]:
    """Read the rows of a table, or the words of a list as a table of one column."""
    if columns:
        cells = [[_choices(cell) for cell in line.split("|")] for line in lines]
    else:
        cells = [[[word]] for line in lines for word in _choices(line)]
    return [dict(zip(("", *columns), row, strict=True)) for row in cells]


def _choices(cell: str) -> list[str]:
    return [choice.strip() for choice in cell.split(",") if choice.strip()]
