"""The rows in which the table and the card show strata of class frequency and single tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from nc_hf.metrics import METRICS
from nc_hf.report.words import ARROWS, direction, number

if TYPE_CHECKING:
    from nc_hf.report.detail import StratumRecord, TokenRecord
    from nc_hf.report.report import Report

TOKEN_HEADER = ("token", "count", "variability ↓", "norm", "duality ↑", "nearest token", "distance")
TOKEN_NOTE = (
    "variability: its contexts' variance over that between tokens · norm, distance: over the typical |m| · "
    "duality: cos(w, m), centred"
)
SHOWN = 5
"""Tokens of either end that are shown; the report holds more."""

_DIGITS = 3


def stratum_table(report: Report) -> tuple[list[str], list[list[str]]]:
    """Return a header and a row for each stratum: who is in it, then NC1, norm, duality and NC4."""
    measured = {name for stratum in report.strata for name in stratum.metrics}
    names = [name for name in METRICS if name in measured and METRICS[name].family == "NC1"][:1]
    names += [name for name in ("nc4_agreement",) if name in measured]
    header = ["tokens each", "classes", "share", "norm", "duality ↑"]
    header += [f"{name} {ARROWS[direction(name)]}" for name in names]
    rows = []
    for stratum in report.strata:
        row = [f"{stratum.low:,}-{stratum.high:,}", f"{stratum.classes:,}", f"{stratum.share:.2%}"]
        row += [_number(stratum.norm), _number(stratum.duality)]
        row += [_number(stratum.metrics.get(name)) for name in names]
        rows.append(row)
    return header, rows


def stratum_note(strata: Sequence[StratumRecord]) -> str:
    """Say what the classes of a stratum are compared with."""
    note = "norm, duality: among all classes · the others: among the classes of one row"
    return note if all(stratum.used for stratum in strata) else f"{note} · blank: too rare to count"


def token_rows(records: Sequence[TokenRecord]) -> list[list[str]]:
    """Return a row for each of the first few tokens."""
    return [
        [
            record.text,
            f"{record.count:,}",
            *(_number(value) for value in (record.variability, record.norm, record.duality)),
            record.nearest_text,
            _number(record.distance),
        ]
        for record in records[:SHOWN]
    ]


def _number(value: float | None) -> str:
    return "" if value is None else number(value, _DIGITS)
