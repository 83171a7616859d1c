"""JSON that could be understood in two ways, or that no file of ours holds, is refused with the reason."""

from __future__ import annotations

import json
import math

import pytest

from nc_hf.runtime.strict_json import DEEPEST, UnfitJSONError, parse_json


@pytest.mark.parametrize(
    "document", [None, True, 3, -0.5, "é", [], {"a": [1, {"b": [2.5, None]}]}, 2**64 - 1, -(2**63)]
)
def test_what_is_plain_comes_back(document: object) -> None:
    assert parse_json(json.dumps(document)) == document


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"a": 1, "b": 2, "a": 1}', "'a' stands in it twice"),
        ('[{"x": {"y": 1, "y": 2}}]', "'y' stands in it twice"),
        ("[NaN]", "NaN is no number of JSON"),
        ("-Infinity", "-Infinity is no number"),
        ("1e999", "1e999 is beyond"),
        ("-1e400", "-1e400 is beyond"),
        (str(2**64), "is beyond"),
        ("9" * 5000, "9999 is beyond"),
        ("[" * (DEEPEST + 1) + "]" * (DEEPEST + 1), "too deep"),
        ('{"a":' * (DEEPEST + 1) + "1" + "}" * (DEEPEST + 1), "too deep"),
    ],
    ids=lambda text: text[:20],
)
def test_what_is_not_is_refused(text: str, why: str) -> None:
    with pytest.raises(UnfitJSONError, match=why):
        parse_json(text)


def test_as_deep_as_is_allowed() -> None:
    assert parse_json("[" * DEEPEST + "]" * DEEPEST)


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "[1,]", "\x00"], ids=lambda text: repr(text[:8]))
def test_what_is_no_json_is_an_ordinary_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_json(text)


def test_rows_of_a_study_may_hold_what_is_not_finite() -> None:
    found = parse_json("[NaN, Infinity, -Infinity, 1.5]", not_finite=True)
    assert math.isnan(found[0])
    assert found[1:] == [math.inf, -math.inf, 1.5]
    with pytest.raises(UnfitJSONError, match="beyond"):
        parse_json("1e999", not_finite=True)
