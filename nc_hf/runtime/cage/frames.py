"""What goes between a process and its inmate: questions are pickled, answers are JSON and plain arrays.

A question comes from whom the inmate has to trust anyway. An answer comes from a process that read hostile bytes: it is
held to a length before it is read, and to the types and shapes that it declares; nothing of it is run.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nc_hf.errors import NCError
from nc_hf.errors.remedies import Remedy
from nc_hf.runtime.cage.reasons import bad_answer

Array = NDArray[Any]
HEADER_BYTES = 1 << 20
"""Of the JSON of an answer: what is long goes into arrays."""
_LONGEST = 1000  # characters of a message
_LENGTHS = struct.Struct("!QQ")
_DTYPES = ("|u1", "<i4", "<i8", "<f8")
_SENSELESS = "makes the process that reads it answer without sense"


@dataclass(frozen=True)
class Answer:
    """What a function of the cage returns.

    Attributes:
        value: anything that JSON holds.
        arrays: by name, of bytes, int32, int64 or float64.
    """

    value: Any = None
    arrays: Mapping[str, Array] = field(default_factory=dict)


def packed(answer: Answer) -> list[bytes | memoryview]:
    """Return an answer as bytes, in parts."""
    arrays = {name: np.ascontiguousarray(array) for name, array in answer.arrays.items()}
    shapes = {name: [array.dtype.str, list(array.shape)] for name, array in arrays.items()}
    return _framed(
        {"value": answer.value, "arrays": shapes}, [array.reshape(-1).view(np.uint8).data for array in arrays.values()]
    )


def packed_refusal(error: NCError) -> list[bytes | memoryview]:
    """Return an error of ours as bytes: its kind, and what its words are made of."""
    named = {name: value if isinstance(value, bool) else str(value) for name, value in error.named.items()}
    return _framed({"refusal": [type(error).__name__, error.fault[:_LONGEST], error.remedy, named]}, [])


def packed_fault(fault: BaseException) -> list[bytes | memoryview]:
    """Return any other error as bytes."""
    first = (str(fault).strip().splitlines() or [""])[0]
    return _framed({"fault": [type(fault).__name__, first[:_LONGEST]]}, [])


def unpacked(read: Callable[[int], bytes], most: int) -> tuple[dict[str, Any], dict[str, Array]]:
    """Read an answer.

    Args:
        read: returns exactly so many bytes.
        most: bytes of its arrays that are read.

    Returns:
        Its header, in which one of "value", "refusal" and "fault" stands, and its arrays.

    Raises:
        CageError: it is too long, or not what an answer is.
    """
    header_bytes, body_bytes = _LENGTHS.unpack(read(_LENGTHS.size))
    for size, bound in ((header_bytes, HEADER_BYTES), (body_bytes, most)):
        if size > bound:
            raise bad_answer(f"comes to more than {bound:,} bytes of data")
    try:
        header = json.loads(read(header_bytes))
        shapes = {str(name): _shape(*declared) for name, declared in header.get("arrays", {}).items()}
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise bad_answer(_SENSELESS) from error
    if (
        len({"value", "refusal", "fault"} & header.keys()) != 1
        or sum(_num_bytes(*each) for each in shapes.values()) != body_bytes
    ):
        raise bad_answer(_SENSELESS)
    return header, {
        name: np.frombuffer(read(_num_bytes(dtype, shape)), dtype).reshape(shape)
        for name, (dtype, shape) in shapes.items()
    }


def refusal(told: Any, kinds: Mapping[str, type[NCError]]) -> NCError:
    """Return the error of ours that an inmate told of.

    Raises:
        CageError: it told of none.
    """
    try:
        kind, fault, remedy, named = told
        advice = None if remedy is None else Remedy(remedy)
        return kinds[kind](str(_plain(fault)), advice, **{str(name): _plain(value) for name, value in named.items()})
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise bad_answer(_SENSELESS) from error


def fault(told: Any) -> tuple[str, str]:
    """Return the kind and first line of an error that an inmate told of.

    Raises:
        CageError: it told of none.
    """
    if isinstance(told, list) and len(told) == 2 and all(isinstance(each, str) for each in told):
        return str(_plain(told[0])), str(_plain(told[1]))
    raise bad_answer(_SENSELESS)


def _framed(header: dict[str, Any], buffers: list[memoryview]) -> list[bytes | memoryview]:
    text = json.dumps(header).encode()
    return [_LENGTHS.pack(len(text), sum(buffer.nbytes for buffer in buffers)), text, *buffers]


def _shape(dtype: object, shape: object) -> tuple[str, tuple[int, ...]]:
    """Take what an array is declared to be.

    Raises:
        ValueError: no array is.
    """
    if (
        dtype not in _DTYPES
        or not isinstance(shape, list)
        or not all(type(size) is int and size >= 0 for size in shape)
    ):
        raise ValueError(shape)
    return str(dtype), tuple(shape)


def _num_bytes(dtype: str, shape: tuple[int, ...]) -> int:
    return np.dtype(dtype).itemsize * math.prod(shape)


def _plain(text: object) -> object:
    """Return a text without what moves a cursor, held to a length; whether a token was sent stays what it is."""
    if isinstance(text, bool):
        return text
    if not isinstance(text, str):
        raise TypeError(text)
    return "".join(character if character.isprintable() else " " for character in text[:_LONGEST])
