"""What each setting of a study takes, as types that pydantic reads from YAML and from the command line."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import (
    AfterValidator,
    BeforeValidator,
    PlainValidator,
    Strict,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic_core import PydanticCustomError

from nc_hf.errors import StudyError

AXES = ("widths", "depths", "epochs", "weight_decays", "seeds")
"""The settings of which every combination is a cell, in the order of a cell's fields."""

TEXT = frozenset(
    ("corpus", "tokenizer", "vocab_size", "packing", "block_size", "max_train_tokens", "max_validation_tokens")
)
"""The settings that decide how many blocks there are."""


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


def _listed(value: Any) -> Any:
    """Read a list; on the command line it may be written 1,2,3, and one number need not be a list."""
    if isinstance(value, str):
        value = _from_yaml(value)
    if isinstance(value, str):
        return value.split(",")
    return value if isinstance(value, list | tuple) else [value]


def _block(block: Any) -> dict[str, tuple[Any, ...]]:
    """Read one item of ``extra``, its axes in the order in which they stand."""
    if not isinstance(block, dict):
        raise ValueError("not a mapping")
    unknown = sorted(map(str, block.keys() - set(AXES)))
    if unknown:
        raise StudyError(f"extra has the key {unknown[0]!r}: it takes {', '.join(AXES)}.")
    return {axis: _AXIS[axis].validate_python(values) for axis, values in block.items()}


def _overridden(
    blocks: tuple[dict[str, tuple[Any, ...]], ...], info: ValidationInfo
) -> tuple[dict[str, tuple[Any, ...]], ...]:
    """Let the axes that the context names hold in every item of ``extra`` too."""
    given = {axis: info.data[axis] for axis in info.context or () if axis in info.data}
    return tuple(block | given for block in blocks)


def _null(value: Any) -> Any:
    return None if value in ("null", "none", "None") else value


_Whole = Annotated[int, BeforeValidator(_whole)]
_Wholes = Annotated[tuple[_Whole, ...], BeforeValidator(_listed)]
_Numbers = Annotated[tuple[Annotated[float, BeforeValidator(_number)], ...], BeforeValidator(_listed)]
_AXIS = {axis: TypeAdapter[Any](_Numbers if axis == "weight_decays" else _Wholes) for axis in AXES}
_Block = Annotated[dict[str, tuple[Any, ...]], PlainValidator(_block)]
_Pattern = Annotated[str, BeforeValidator(str)]
_Setting = TypeVar("_Setting")

Integer = Annotated[_Whole, _takes("a whole number")]
Number = Annotated[float, BeforeValidator(_number), _takes("a number")]
Text = Annotated[str, Strict(), _takes("text", text=True)]
Switch = Annotated[bool, Strict(), _takes("true or false")]
Integers = Annotated[_Wholes, _takes("whole numbers")]
Numbers = Annotated[_Numbers, _takes("numbers")]
Batches = Annotated[_Whole | dict[_Pattern, _Whole], _takes("a whole number, or whole numbers by model name")]
States = Annotated[str | dict[_Whole, _Wholes], _takes("all, last, or lists of states by training length")]
Classes = Annotated[
    float | str | tuple[_Whole, ...] | tuple[str, ...],
    _takes("a share such as 0.001, top:N, a file with one token a line, ids, or all"),
]
Blocks = Annotated[
    tuple[_Block, ...],
    BeforeValidator(lambda blocks: blocks or ()),
    _takes("a list of axes"),
    AfterValidator(_overridden),
]
OrNull = Annotated[_Setting | None, BeforeValidator(_null)]
"""A setting that ``null`` leaves open."""
