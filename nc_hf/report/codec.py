"""Dataclasses to strict JSON and back, exactly.

JSON has no NaN and no infinity. Such a number is written as null, and the document's ``undefined`` entry says, by path,
which of ``nan``, ``inf`` and ``-inf`` it was, so that reading gives back what was written.
"""

from __future__ import annotations

import dataclasses
import json
import math
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

UNDEFINED = "undefined"

_NOT_FINITE = ("nan", "inf", "-inf")
_Record = TypeVar("_Record")


class CodecError(ValueError):
    """A document that is not what the dataclass writes; the message names the place."""


def encode(document: dict[str, Any]) -> dict[str, Any]:
    """Return ``document`` with every number finite, and an ``undefined`` entry for those that were not.

    >>> encode({"loss": float("inf"), "tokens": 3})
    {'loss': None, 'tokens': 3, 'undefined': {'loss': 'inf'}}
    """
    undefined: dict[str, str] = {}
    return {**_finite(document, "", undefined), UNDEFINED: undefined}


def decode(kind: type[_Record], document: object) -> _Record:
    """Return the dataclass ``kind`` that was written as ``document``.

    Raises:
        CodecError: an entry is missing, unknown, or of another type.
    """
    if not isinstance(document, dict) or not isinstance(document.get(UNDEFINED), dict):
        raise CodecError(f"{UNDEFINED} is missing")
    entries = {name: value for name, value in document.items() if name != UNDEFINED}
    undefined = dict(document[UNDEFINED])
    if any(value not in _NOT_FINITE for value in undefined.values()):
        raise CodecError(f"{UNDEFINED} holds something else than {', '.join(_NOT_FINITE)}")
    record: _Record = _read(kind, entries, "", undefined)
    if undefined:
        raise CodecError(f"{UNDEFINED} names {min(undefined)}, which is not an empty number")
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


def _read(kind: Any, value: Any, path: str, undefined: dict[str, str]) -> Any:
    """Check ``value`` against the type ``kind``, and put back the numbers that JSON could not hold."""
    if get_origin(kind) is UnionType:
        if value is None and path not in undefined and NoneType in get_args(kind):
            return None
        (kind,) = (option for option in get_args(kind) if option is not NoneType)
    if value is None and path in undefined and kind in (float, Any):
        return float(undefined.pop(path))
    if dataclasses.is_dataclass(kind):
        return _read_record(kind, value, path, undefined)
    if get_origin(kind) is dict and isinstance(value, dict):
        entry_kind = get_args(kind)[1]
        return {name: _read(entry_kind, entry, _below(path, name), undefined) for name, entry in value.items()}
    if get_origin(kind) is list and isinstance(value, list):
        (entry_kind,) = get_args(kind)
        return [_read(entry_kind, entry, _below(path, str(place)), undefined) for place, entry in enumerate(value)]
    if kind is float and type(value) in (int, float):
        return float(value)
    if kind is Any or type(value) is kind:
        return value
    raise CodecError(f"{path} is {value!r:.40}")


def _read_record(kind: Any, value: Any, path: str, undefined: dict[str, str]) -> Any:
    if not isinstance(value, dict):
        raise CodecError(f"{path or 'the document'} is {value!r:.40}")
    hints = get_type_hints(kind)
    for name in (*hints, *value):
        if (name in hints) != (name in value):
            raise CodecError(f"{_below(path, name)} is {'missing' if name in hints else 'unknown'}")
    return kind(**{name: _read(hints[name], value[name], _below(path, name), undefined) for name in hints})


def _below(path: str, name: str) -> str:
    return f"{path}/{name}" if path else name
