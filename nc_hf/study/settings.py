"""Values of settings: from YAML and from the command line to the types that a study wants."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any

import yaml

from nc_hf.errors import StudyError

AXES = ("widths", "depths", "epochs", "weight_decays", "seeds")
"""The settings of which every combination is a cell, in the order of a cell's fields."""

TEXT = frozenset(
    ("corpus", "tokenizer", "vocab_size", "packing", "block_size", "max_train_tokens", "max_validation_tokens")
)
"""The settings that decide how many blocks there are."""


def read_settings(settings: Mapping[str, Any], types: Mapping[str, str]) -> dict[str, Any]:
    """Give each setting its type.

    Args:
        settings: as YAML or the command line gave them; text is read as YAML where no text is wanted.
        types: the annotation of each setting.

    Raises:
        StudyError: a value cannot be of its type.
    """
    return {name: _typed(name, value, types[name]) for name, value in settings.items()}


def batch_of(rule: int | Mapping[str, int], width: int, depth: int) -> int:
    """Find the batch size of a model.

    >>> batch_of({"02x1024": 8, "02x*": 16}, width=64, depth=2)
    16

    Raises:
        StudyError: no pattern fits, or the number is not positive.
    """
    name = f"{depth:02d}x{width:04d}"
    if not isinstance(rule, int):
        fitting = [batch for pattern, batch in rule.items() if fnmatchcase(name, pattern)]
        if not fitting:
            raise StudyError(f"batch_size has no entry for {name}: add '*' for all the others.")
        rule = fitting[0]
    if rule < 1:
        raise StudyError(f"the batch_size of {name} is {rule}: give a number from 1.")
    return rule


def _typed(name: str, value: Any, kind: str) -> Any:
    if kind.endswith(" | None"):
        if value is None or value in ("null", "none", "None"):
            return None
        kind = kind.removesuffix(" | None")
    if isinstance(value, str) and kind != "str":
        value = _from_text(value)
    try:
        return _CONVERT[kind](value)
    except (TypeError, ValueError, AttributeError, OverflowError):
        raise StudyError(f"setting {name} is {value!r}: give {_WORDS[kind]}.") from None


def _from_text(text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return text


def _integer(value: Any) -> int:
    """Read 8, "8" and 1e3, but not 2.5."""
    number = float(value)
    if isinstance(value, bool) or number != int(number):
        raise ValueError(value)
    return int(number)


def _switch(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(value)
    return value


def _integers(value: Any) -> tuple[int, ...]:
    return tuple(_integer(item) for item in _listed(value))


def _numbers(value: Any) -> tuple[float, ...]:
    return tuple(float(item) for item in _listed(value))


def _listed(value: Any) -> list[Any]:
    """Read a list; on the command line it may be written 1,2,3."""
    if isinstance(value, str):
        return value.split(",")
    return list(value) if isinstance(value, list | tuple) else [value]


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _batches(value: Any) -> int | dict[str, int]:
    if isinstance(value, dict):
        return {str(pattern): _integer(batch) for pattern, batch in value.items()}
    return _integer(value)


def _states(value: Any) -> str | dict[int, tuple[int, ...]]:
    if isinstance(value, dict):
        return {_integer(length): _integers(states) for length, states in value.items()}
    return _text(value)


def _extra(value: Any) -> tuple[dict[str, tuple[Any, ...]], ...]:
    return tuple(_extra_block(block) for block in value or ())


def _extra_block(block: Any) -> dict[str, tuple[Any, ...]]:
    unknown = sorted(map(str, set(block.keys()) - set(AXES)))
    if unknown:
        raise StudyError(f"extra has the key {unknown[0]!r}: it takes {', '.join(AXES)}.")
    return {axis: tuple(_AXIS[axis](item) for item in _listed(values)) for axis, values in block.items()}


_AXIS: Mapping[str, Callable[[Any], Any]] = {
    "widths": _integer,
    "depths": _integer,
    "epochs": _integer,
    "weight_decays": float,
    "seeds": _integer,
}

_CONVERT: Mapping[str, Callable[[Any], Any]] = {
    "int": _integer,
    "float": float,
    "str": _text,
    "bool": _switch,
    "tuple[int, ...]": _integers,
    "tuple[float, ...]": _numbers,
    "int | dict[str, int]": _batches,
    "str | dict[int, tuple[int, ...]]": _states,
    "tuple[dict[str, tuple[Any, ...]], ...]": _extra,
}

_WORDS = {
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "bool": "true or false",
    "tuple[int, ...]": "whole numbers",
    "tuple[float, ...]": "numbers",
    "int | dict[str, int]": "a whole number, or whole numbers by model name",
    "str | dict[int, tuple[int, ...]]": "all, last, or lists of states by training length",
    "tuple[dict[str, tuple[Any, ...]], ...]": "a list of axes",
}
