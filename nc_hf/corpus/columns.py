"""The text of a row: a column by its name, or an entry of the objects in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from nc_hf.corpus.reading import ReadRecord
from nc_hf.errors import CorpusError
from nc_hf.errors.remedies import Remedy

TEXT_COLUMN = "text"

CHECKED = 1000
"""Rows after which a column that most of them lack is refused, rather than at the end."""


class _Lacking:
    """What a row has in a column that it does not have."""


LACKING = _Lacking()


def entry(row: dict[str, Any], column: str) -> Any:
    """Return what stands in a column, ``LACKING`` if the row has none; dots lead into objects.

    A column whose own name has dots goes before, and below a null everything is null.

    >>> [entry(row, "doc.text") for row in ({"doc": {"text": "a"}}, {"doc.text": "b"}, {"doc": None})]
    ['a', 'b', None]
    """
    if column in row:
        return row[column]
    within: Any = row
    for name in column.split("."):
        if within is None:
            return None
        if not isinstance(within, dict) or name not in within:
            return LACKING
        within = within[name]
    return within


def check_column(columns: dict[str, Any], column: str, where: str) -> None:
    """Refuse a table that has no such column.

    Args:
        columns: those of the table; where a column is of objects, a dict of their entries.
        column: its name.
        where: what an error calls the table.

    Raises:
        CorpusError: there is none.
    """
    if entry(columns, column) is LACKING:
        raise _refusal(columns, column, where)


def texts_of(
    rows: Iterable[tuple[int, Any]], column: str, place: Callable[[int], str], record: ReadRecord
) -> Iterator[str]:
    """Take the texts out of rows; null is counted as empty, a row without text in the column as skipped.

    Args:
        rows: each with its number.
        column: the one with the text.
        place: names the row of a number, for an error.
        record: counts the rows.

    Raises:
        CorpusError: what should be a row is no object, or most rows have no text in the column; of these the error
            names the first.
    """
    record.note_unit("row")
    first: CorpusError | None = None
    read = skipped = 0
    for number, row in rows:
        if not isinstance(row, dict):
            raise CorpusError(
                f"{place(number)} is not an object with columns: give rows such as {{{TEXT_COLUMN!r}: '...'}}."
            )
        read += 1
        record.rows += 1
        text = entry(row, column)
        if isinstance(text, str):
            yield text
        elif text is None:
            record.empty += 1
        else:
            skipped += 1
            record.skipped += 1
            first = first or _refusal(row, column, place(number))
        if first and read % CHECKED == 0 and 2 * skipped > read:
            raise first
    if first and 2 * skipped > read:
        raise first


def _refusal(row: dict[str, Any], column: str, where: str) -> CorpusError:
    if entry(row, column) is not LACKING:
        return CorpusError(f"{where} has no text in the column {column!r}: choose another column.")
    names = ", ".join(_paths(row)) or "none"
    return CorpusError(f"{where} has no column {column!r} (its columns: {names})", Remedy.COLUMN)


def _paths(row: dict[str, Any], above: str = "") -> Iterator[str]:
    """Name the columns, those within objects with dots."""
    for name, value in row.items():
        if isinstance(value, dict) and value:
            yield from _paths(value, f"{above}{name}.")
        else:
            yield f"{above}{name}"
