"""Answers: what an inmate says is taken only if it is what an answer is, since hostile bytes may have taken it over."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import nc_hf.errors
from nc_hf.errors import ModelError, TokenizerError
from nc_hf.errors.remedies import Remedy
from nc_hf.runtime.cage.frames import Answer, fault, packed, packed_fault, packed_refusal, refusal, unpacked
from nc_hf.runtime.cage.reasons import CageError, Reason

KINDS = {"ModelError": ModelError, "TokenizerError": TokenizerError}


def reader(content: bytes) -> Callable[[int], bytes]:
    """Read as of a channel whose other end says no more."""
    rest = [content]

    def read(size: int) -> bytes:
        part, rest[0] = rest[0][:size], rest[0][size:]
        if len(part) < size:
            raise EOFError
        return part

    return read


def joined(answer: list[Any]) -> bytes:
    return b"".join(map(bytes, answer))


def framed(header: object, body: bytes = b"", claimed: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("!QQ", len(text), len(body) if claimed is None else claimed) + text + body


def test_values_and_arrays_come_back_as_they_went() -> None:
    arrays = {
        "bytes": np.arange(5, dtype=np.uint8),
        "rows": np.arange(6, dtype="<i4").reshape(2, 3).T,  # not in the order of the memory
        "none": np.zeros((0, 4), "<i8"),
        "numbers": np.array([1.5, np.nan]),
    }
    header, found = unpacked(reader(joined(packed(Answer({"a": [1, None, "\ud800"]}, arrays)))), 1000)
    assert header["value"] == {"a": [1, None, "\ud800"]}
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype


LIES = {
    "no JSON": framed(b"{"),
    "nested": framed(b"[" * 100_000),
    "a number beyond all": framed(b'{"value": ' + b"9" * 5000 + b"}"),
    "no header": framed([1]),
    "nothing said": framed({}),
    "two things said": framed({"value": 1, "fault": ["a", "b"]}),
    "a type that runs code": framed({"value": 1, "arrays": {"a": ["|O", [1]]}}, b"12345678"),
    "a type of no kind": framed({"value": 1, "arrays": {"a": [["i", 3], [1]]}}, b"1234"),
    "a negative side": framed({"value": 1, "arrays": {"a": ["<i4", [-1, -1]]}}, b"1234"),
    "a side that is no number": framed({"value": 1, "arrays": {"a": ["<i4", [True]]}}, b"1234"),
    "no shape": framed({"value": 1, "arrays": {"a": ["<i4", 1]}}, b"1234"),
    "no declaration": framed({"value": 1, "arrays": {"a": 3}}, b"1234"),
    "three parts": framed({"value": 1, "arrays": {"a": ["<i4", [1], 0]}}, b"1234"),
    "arrays of no names": framed({"value": 1, "arrays": [["<i4", [1]]]}, b"1234"),
    "more declared than sent": framed({"value": 1, "arrays": {"a": ["<i4", [2]]}}, b"1234"),
    "more sent than declared": framed({"value": 1, "arrays": {"a": ["<i4", [1]]}}, b"12345678"),
    "a size beyond all": framed({"value": 1, "arrays": {"a": ["<i4", [10**18, 10**18]]}}, b"1234"),
    "a long body": framed({"value": 1}, claimed=1 << 40),
    "a long header": struct.pack("!QQ", 1 << 40, 0),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_no_answer(lie: str) -> None:
    with pytest.raises(CageError) as caught:
        unpacked(reader(LIES[lie]), 1000)
    assert caught.value.reason is Reason.ANSWER


def test_an_error_of_ours_comes_back_with_its_advice() -> None:
    told, _ = unpacked(reader(joined(packed_refusal(TokenizerError("It is none", Remedy.TOKENIZER)))), 0)
    error = refusal(told["refusal"], KINDS)
    assert type(error) is TokenizerError
    assert str(error) == str(TokenizerError("It is none", Remedy.TOKENIZER))


@pytest.mark.parametrize(
    "told",
    [
        None,
        [],
        ["ModelError", "It is broken", None],
        ["SystemExit", "0", None, {}],
        ["ModelError", "It is broken", "no remedy", {}],
        ["ModelError", 3, None, {}],
        ["ModelError", "It is broken", None, {"page": 3}],
        [["ModelError"], "It is broken", None, {}],
    ],
)
def test_an_error_that_is_none_of_ours_is_a_lie(told: Any) -> None:
    with pytest.raises(CageError):
        refusal(told, KINDS)


def test_the_words_of_an_error_move_no_cursor_and_have_an_end() -> None:
    error = refusal(["ModelError", "a\x1b[2Jb\r\n" + "c" * 5000, None, {}], KINDS)
    assert str(error).startswith("a [2Jb  ccc")
    assert len(str(error)) == 1000


def test_any_other_error_is_its_kind_and_its_first_line() -> None:
    told, _ = unpacked(reader(joined(packed_fault(ValueError("\none\ntwo")))), 0)
    assert fault(told["fault"]) == ("ValueError", "one")
    for lie in (None, ["a"], ["a", 3], "ab"):
        with pytest.raises(CageError):
            fault(lie)


def test_every_kind_of_error_can_come_back() -> None:
    """Each is made of a fault and a remedy alone, as the cage makes it."""
    kinds = [kind for kind in vars(nc_hf.errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    assert len(kinds) > 10
    for kind in kinds:
        assert str(refusal([kind.__name__, "It is.", None, {}], {kind.__name__: kind})) == "It is."
