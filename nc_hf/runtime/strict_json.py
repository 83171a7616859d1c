"""JSON read strictly: what this package writes, and nothing that two readers could understand in two ways."""

from __future__ import annotations

import json
import math
from typing import Any

DEEPEST = 64
"""Levels of lists and objects within one another; the deepest file of ours has nine."""

_WIDEST = 64
"""Bits of a whole number."""


class UnfitJSONError(ValueError):
    """Text that is JSON, but not as anything of ours writes it; the message is a phrase that says why."""


def parse_json(text: str, *, not_finite: bool = False) -> Any:
    """Parse JSON.

    Args:
        text: of one document.
        not_finite: take NaN and Infinity, which JSON does not have and the rows of a study do.

    Raises:
        ValueError: it is not JSON.
        UnfitJSONError: an object has a name twice, a number is beyond what is computed with, or lists and objects lie
            too deep within one another.

    >>> parse_json('{"a": 1, "a": 2}')
    Traceback (most recent call last):
    nc_hf.runtime.strict_json.UnfitJSONError: 'a' stands in it twice
    """
    try:
        document = json.loads(
            text,
            object_pairs_hook=_object,
            parse_int=_whole,
            parse_float=_finite,
            parse_constant=float if not_finite else _refused,
        )
    except RecursionError:
        raise ValueError("brackets without end") from None
    level = [document]
    for _ in range(DEEPEST):
        level = [each for parent in level for each in _within(parent) if isinstance(each, dict | list)]
        if not level:
            return document
    raise UnfitJSONError("its entries lie too deep within one another")


def _within(parent: Any) -> Any:
    return parent.values() if isinstance(parent, dict) else parent if isinstance(parent, list) else ()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    entries = dict(pairs)
    if len(entries) < len(pairs):
        names = [name for name, _ in pairs]
        raise UnfitJSONError(f"{next(name for name in names if names.count(name) > 1)!r:.40} stands in it twice")
    return entries


def _whole(digits: str) -> int:
    if len(digits) > _WIDEST or (number := int(digits)).bit_length() > _WIDEST:
        raise UnfitJSONError(f"{digits:.20} is beyond any number that is meant")
    return number


def _finite(digits: str) -> float:
    if not math.isfinite(number := float(digits)):
        raise UnfitJSONError(f"{digits:.20} is beyond any number that is meant")
    return number


def _refused(name: str) -> float:
    raise UnfitJSONError(f"{name} is no number of JSON")
