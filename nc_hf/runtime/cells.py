"""Texts as cells of a CSV file: no spreadsheet takes one for a formula, and each is read back as it was."""

from __future__ import annotations

import re

_FORMULA = re.compile(r"'*[=+\-@\t\r]")
"""How a cell begins that a spreadsheet runs, or that was written so that it does not."""


def to_cell(value: object) -> object:
    """Return what to write for a value: a text that a spreadsheet would run has an apostrophe before it.

    >>> to_cell("=1+1"), to_cell("-main"), to_cell("main"), to_cell(-0.5)
    ("'=1+1", "'-main", 'main', -0.5)
    """
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value


def from_cell(value: object) -> object:
    """Return the value for which a cell was written.

    >>> from_cell("'=1+1"), from_cell("''tis"), from_cell(to_cell("'=x"))
    ('=1+1', "''tis", "'=x")
    """
    return value[1:] if isinstance(value, str) and value[:1] == "'" and _FORMULA.match(value) else value
