"""What each setting of a study takes, as types that pydantic reads from YAML and from the command line."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import (
    BeforeValidator,
    Strict,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic_core import PydanticCustomError

from nc_hf.errors import StudyError


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


def _takes(words: str, *, text: bool = False) -> WrapValidator:
    """Say in ``words`` what a setting takes, in place of pydantic's own lines; text is YAML unless text is wanted."""

    def read(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        if isinstance(value, str) and not text:
            value = _from_yaml(value)
        try:
            return handler(value)
        except ValidationError:
            given = {"value": repr(value), "words": words}
            raise PydanticCustomError("setting", "is {value}: give {words}.", given) from None

    return WrapValidator(read)


def _from_yaml(text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return text


def _number(value: Any) -> Any:
    """Read numbers such as 5e-4, which YAML takes for text."""
    return float(value) if isinstance(value, str) else value


def _whole(value: Any) -> Any:
    """Read 8, "8", 8.0 and 1e3, but neither 2.5 nor true."""
    number = _number(value)
    if isinstance(number, bool):
        raise ValueError("not a number")
    return int(number) if isinstance(number, float) and number.is_integer() else number


def listed(value: Any) -> list[Any]:
    """Take the values of an axis apart: a list, one value, or on the command line 1,2,3.

    >>> listed("a,b"), listed([1, 2]), listed(None), listed("{'*': 4}")
    (['a', 'b'], [1, 2], [None], ["{'*': 4}"])
    """
    if isinstance(value, str) and value.lstrip().startswith("["):
        value = _from_yaml(value)
    if isinstance(value, str) and not value.lstrip().startswith("{"):
        return [part.strip() for part in value.split(",")]
    return list(value) if isinstance(value, list | tuple) else [value]


def _many(value: Any) -> Any:
    """Read a list; one number need not be a list."""
    return listed(value) if isinstance(value, str) else value if isinstance(value, list | tuple) else [value]


def _null(value: Any) -> Any:
    return None if value in ("null", "none", "None") else value


_Whole = Annotated[int, BeforeValidator(_whole)]
_Wholes = Annotated[tuple[_Whole, ...], BeforeValidator(_many)]
_Pattern = Annotated[str, BeforeValidator(str)]
_Setting = TypeVar("_Setting")

Integer = Annotated[_Whole, _takes("a whole number")]
Number = Annotated[float, BeforeValidator(_number), _takes("a number")]
Text = Annotated[str, Strict(), _takes("text", text=True)]
Switch = Annotated[bool, Strict(), _takes("true or false")]
Integers = Annotated[_Wholes, _takes("whole numbers")]
Batches = Annotated[_Whole | dict[_Pattern, _Whole], _takes("a whole number, or whole numbers by model name")]
States = Annotated[str | dict[_Whole, _Wholes], _takes("all, last, or lists of states by training length")]
Classes = Annotated[
    float | str | tuple[_Whole, ...] | tuple[str, ...],
    _takes("a share such as 0.001, top:N, a file with one token a line, ids, or all"),
]
OrNull = Annotated[_Setting | None, BeforeValidator(_null)]
"""A setting that ``null`` leaves open."""
