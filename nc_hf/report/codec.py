"""Dataclasses to strict JSON and back, exactly.

JSON has no NaN and no infinity. Such a number is written as null, and the document's ``undefined`` entry says, by path,
which of ``nan``, ``inf`` and ``-inf`` it was, so that reading gives back what was written.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import asdict
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from pydantic import TypeAdapter

UNDEFINED = "undefined"

_NOT_FINITE = ("nan", "inf", "-inf")
_FAULTS = {"missing": "is missing", "unexpected_keyword_argument": "is unknown"}  # as pydantic names them
_Record = TypeVar("_Record", bound="DataclassInstance")


class CodecError(ValueError):
    """A document that is not what the dataclass writes; the message names the place."""


def encode(document: dict[str, Any]) -> dict[str, Any]:
    """Return ``document`` with every number finite, and an ``undefined`` entry for those that were not.

    >>> encode({"loss": float("inf"), "tokens": 3})
    {'loss': None, 'tokens': 3, 'undefined': {'loss': 'inf'}}
    """
    undefined: dict[str, str] = {}
    return {**_finite(document, "", undefined), UNDEFINED: undefined}


def restore(document: object) -> dict[str, Any]:
    """Return what ``encode`` was given: the numbers that JSON could not hold in their places again.

    >>> restore({"loss": None, "tokens": 3, "undefined": {"loss": "inf"}})
    {'loss': inf, 'tokens': 3}

    Raises:
        CodecError: ``undefined`` is missing, or names what is no empty entry or no such number; or the document is
            nested beyond reason.
    """
    if not isinstance(document, dict) or not isinstance(document.get(UNDEFINED), dict):
        raise CodecError(f"{UNDEFINED} is missing")
    undefined = dict(document[UNDEFINED])
    if any(value not in _NOT_FINITE for value in undefined.values()):
        raise CodecError(f"{UNDEFINED} holds something else than {', '.join(_NOT_FINITE)}")
    entries = {name: value for name, value in document.items() if name != UNDEFINED}
    try:
        restored: dict[str, Any] = _restored(entries, "", undefined)
    except RecursionError:
        raise CodecError("its entries lie too deep within one another") from None
    if undefined:
        raise CodecError(f"{UNDEFINED} names {min(undefined)}, which is not an empty number")
    return restored


def decode(kind: type[_Record], entries: object) -> _Record:
    """Return the dataclass ``kind`` that has ``entries``: JSON's, but that numbers may be NaN and infinite.

    Raises:
        CodecError: an entry is missing, unknown, or of another type; a whole number may stand for a float.
    """
    from pydantic import ValidationError

    # As text, because strict reading of Python objects asks for the dataclasses themselves, of JSON for what JSON has.
    text = json.dumps(entries)
    try:
        record: _Record = _decoder(kind).validate_json(text, strict=True, extra="forbid")
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = "/".join(map(str, first["loc"])) or "the document"
        fault = _FAULTS.get(first["type"], f"is {first['input']!r:.40}")
        raise CodecError(f"{place} {fault}") from None
    for place in _left_out(asdict(record), entries, ""):
        raise CodecError(f"{place} is missing")
    return record


def to_text(document: Any, indent: str = "") -> str:
    """Write strict JSON, two spaces deep, a list of numbers or words on one line, and each row of a table on its own.

    >>> print(to_text({"counts": [3, 5], "rows": [{"id": 1}, {"id": 2}]}))
    {
      "counts": [3, 5],
      "rows": [
        {"id": 1},
        {"id": 2}
      ]
    }
    """
    inner = indent + "  "
    if isinstance(document, dict) and document:
        entries = [f"{inner}{_on_a_line(name)}: {to_text(value, inner)}" for name, value in document.items()]
        return "{\n" + ",\n".join(entries) + f"\n{indent}}}"
    if isinstance(document, list) and document and isinstance(document[0], dict | list):
        return "[\n" + ",\n".join(inner + _on_a_line(row) for row in document) + f"\n{indent}]"
    return _on_a_line(document)


def _on_a_line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _finite(value: Any, path: str, undefined: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: _finite(entry, _below(path, name), undefined) for name, entry in value.items()}
    if isinstance(value, list):
        return [_finite(entry, _below(path, str(place)), undefined) for place, entry in enumerate(value)]
    if isinstance(value, float) and not math.isfinite(value):
        undefined[path] = str(value)
        return None
    return value


def _restored(value: Any, path: str, undefined: dict[str, str]) -> Any:
    """Do what ``_finite`` did the other way round, and take from ``undefined`` what has found its place."""
    if isinstance(value, dict):
        return {name: _restored(entry, _below(path, name), undefined) for name, entry in value.items()}
    if isinstance(value, list):
        return [_restored(entry, _below(path, str(place)), undefined) for place, entry in enumerate(value)]
    return float(undefined.pop(path)) if value is None and path in undefined else value


def _left_out(whole: Any, entries: Any, path: str) -> Iterator[str]:
    """Yield the places that stand in ``whole`` alone: a default of the dataclass must not hide what was lost."""
    if isinstance(whole, dict):
        for name, value in whole.items():
            place = _below(path, name)
            if name in entries:
                yield from _left_out(value, entries[name], place)
            else:
                yield place
    elif isinstance(whole, list):
        for number, (value, entry) in enumerate(zip(whole, entries, strict=True)):
            yield from _left_out(value, entry, _below(path, str(number)))


@cache
def _decoder(kind: type[Any]) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter  # here, for who only writes a report should not wait for it

    return TypeAdapter(kind)


def _below(path: str, name: str) -> str:
    return f"{path}/{name}" if path else name
