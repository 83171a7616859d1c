"""Write the tables of docs/dictionary.md: options, columns of ``results.csv`` and entries of a report, as declared."""

from __future__ import annotations

import dataclasses
import re
import sys
import types
import typing
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import griffe

from nc_hf.measurement.options import OPTIONS, PASS_OPTIONS
from nc_hf.metrics.table import PRESETS
from nc_hf.report.record import ReportRecord
from nc_hf.report.several import TrajectoryRecord
from nc_hf.study.cell import settings
from nc_hf.study.grid import whole_settings
from nc_hf.study.table import CALIBRATION, HALVES, OTHER_TEXT, OUTCOMES, SIZES, STATE, STDERR

DOCUMENT = Path(__file__).with_suffix(".md")
IN_A_ROW = ("agreement_tokens", "measure_train_tokens", "classes")
"""Settings of a whole study that its rows tell."""


def columns() -> str:
    """Return every kind of column of ``results.csv``, one a row, in the order of its parts."""
    rows = [(each.name, f"setting: {each.metadata['words']}") for each in settings()]
    rows += [(each.name, f"setting: {each.metadata['words']}") for each in whole_settings() if each.name in IN_A_ROW]
    rows += [*STATE.items(), *SIZES.items(), *OUTCOMES.items(), *CALIBRATION.items()]
    metric = "a [metric](metrics.md) by its name: all that training text, validation text and head allow"
    halves = "of one of two disjoint halves of the validation text: `val_loss`, `val_accuracy` or `nc4_agreement`"
    other = f"the same on the second corpus (`measure_also`), of the outcomes and the {len(PRESETS['core'])} of `core`"
    rows += [("METRIC", metric), (f"NAME{STDERR}", "standard error of the column `NAME`, in its unit")]
    rows += [*((f"NAME{half}", halves) for half in HALVES), (f"{OTHER_TEXT}NAME", other)]
    return _table(("column", "what it is"), ((f"`{name}`", words) for name, words in rows))


def entries(record: type[Any]) -> str:
    """Return every entry of a record's JSON, one a row, with its type."""
    rows = ((f"`{path}`", kind, words) for path, kind, words in _entries(record))
    return _table(("entry", "type", "what it is"), rows)


def options() -> str:
    """Return the options of a measurement, one a row: in Python, on the command line, the default."""
    rows = []
    for name, option in OPTIONS.items():
        command = option.flag[0] if option.flag else f"--{name.replace('_', '-')}"
        also = " Of a callback too." if name in PASS_OPTIONS else ""
        rows.append(
            (f"`{name}`", f"`{command}`" if option.panel else "none", f"`{option.default!r}`", option.help + also)
        )
    return _table(("in Python", "command", "default", "what it does"), rows)


TABLES = {
    "options": options,
    "columns": columns,
    "report": lambda: entries(ReportRecord),
    "trajectory": lambda: entries(TrajectoryRecord),
}


def _entries(record: type[Any], before: str = "", met: dict[Any, str] | None = None) -> Iterator[tuple[str, str, str]]:
    """Yield path, type and meaning of each entry, those of the records within after the entry that holds them first."""
    told, kinds = _told(record), typing.get_type_hints(record)
    met = {ReportRecord: "a report"} if met is None else met
    for each in dataclasses.fields(record):
        path, kind = f"{before}{each.name}", kinds[each.name]
        inner, place = _record_within(kind)
        again = inner is not None and inner in met
        yield path, _named(kind), f"{told[each.name]} Entries as of {met[inner]}." if again else told[each.name]
        if inner is not None and not again:
            met[inner] = f"`{path}{place}`"
            yield from _entries(inner, f"{path}{place}.", met)


def _told(record: type[Any]) -> dict[str, str]:
    """Return what the docstring of a record says of each of its entries."""
    sections = griffe.parse_google(griffe.Docstring(record.__doc__ or ""), warnings=False)
    found = [each.value for each in sections if each.kind is griffe.DocstringSectionKind.attributes]
    return {each.name: _in_json(each.description) for each in (found[0] if found else ())}


def _in_json(words: str) -> str:
    """Write what a docstring says as one who reads JSON has to understand it."""
    return re.sub(r"\bNone\b", "null", " ".join(words.split()).replace("``", "`"))


def _record_within(kind: Any) -> tuple[type[Any] | None, str]:
    """Return the record that an entry holds, if any, and how its place among several is written."""
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return kind, ""
    mark = {list: "[]", dict: ".NAME"}.get(typing.get_origin(kind), "[]" if _is_sequence(kind) else "")
    for each in typing.get_args(kind):
        inner, place = _record_within(each)
        if inner is not None:
            return inner, mark + place
    return None, ""


def _is_sequence(kind: Any) -> bool:
    return getattr(typing.get_origin(kind), "__name__", "") == "Sequence"


def _named(kind: Any) -> str:
    """Name a type as JSON has it."""
    plain = {Any: "value", str: "text", int: "whole number", float: "number", bool: "true or false", type(None): "null"}
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if kind in plain:
        return plain[kind]
    if origin in (typing.Union, types.UnionType):
        return " or ".join(map(_named, inner))
    if origin is typing.Literal:
        return " or ".join(f"`{each}`" for each in inner)
    if origin is list or _is_sequence(kind):
        return f"list of {_named(inner[0])}"
    if origin is dict:
        return f"{_named(inner[1])} by name"
    return "object"


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [f"| {' | '.join(header)} |", "|---" * len(header) + "|"]
    return "\n".join([*lines, *(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows)])


def renewed() -> str:
    """Return the text of the document with its tables as the code declares them."""
    text = DOCUMENT.read_text(encoding="utf-8")
    for name, table in TABLES.items():
        start, end = f"<!-- {name}: written by docs/dictionary.py -->", f"<!-- {name}: end -->"
        before, rest = text.split(start)
        _, after = rest.split(end)
        text = f"{before}{start}\n\n{table()}\n\n{end}{after}"
    return text


def main() -> None:
    """Renew the document."""
    DOCUMENT.write_text(renewed(), encoding="utf-8")
    print(f"docs/{DOCUMENT.name} is up to date", file=sys.stderr)


if __name__ == "__main__":
    main()
