"""What an entry of an adapter's configuration may be."""

from __future__ import annotations

from typing import Any

import pytest
from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING

from nc_hf.hub.adapter_settings import (
    IN_FRONT,
    MERGED,
    OF_NO_EFFECT,
    are_counts,
    are_names,
    are_numbers,
    are_rows,
    is_bias,
    is_count,
    is_number,
    is_switch,
)


@pytest.mark.parametrize("good", [1, 8, 512, -1])
def test_counts(good: int) -> None:
    assert is_count(good)


@pytest.mark.parametrize("bad", [0, -2, 10**9, 8.0, True, "8", None, [8]])
def test_no_counts(bad: Any) -> None:
    assert not is_count(bad)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 1e9, True, "8", None])
def test_no_numbers(bad: Any) -> None:
    assert is_number(16)
    assert is_number(0.5)
    assert not is_number(bad)


def test_patterns_are_names_that_cannot_take_long() -> None:
    assert are_counts({"q_proj": 4, r"^model\.layers\.0.self_attn.q_proj$": 2})
    assert are_numbers({"c_attn": 0.5})
    for pattern in ("(a+)+$", ".*.*.*x", "a{1,99}", "a|b", "[", "\\", "", "x" * 300):
        assert not are_counts({pattern: 4}), pattern
    assert not are_counts({"q_proj": 0})
    assert not are_counts({f"m{number}": 1 for number in range(3_000)})
    assert not are_counts([4])


def test_names_rows_and_words() -> None:
    assert are_names(["lm_head", "model.embed_tokens"])
    assert not any(are_names(value) for value in ("lm_head", ["(x+)+"], [3], ["lm_head"] * 3_000))
    assert are_rows([0, 5])
    assert are_rows({"embed_tokens": [1]})
    assert not any(are_rows(value) for value in ([-1], [True], ["1"], 3, {"(x+)+": [1]}, {"x": 3}))
    assert is_bias("all")
    assert not is_bias("some")
    assert is_switch(False)
    assert not is_switch(0)


@pytest.mark.parametrize("kind", MERGED)
def test_every_entry_of_a_kind_is_one_of_pefts_and_known_to_act_or_not(kind: str) -> None:
    entries = PEFT_TYPE_TO_CONFIG_MAPPING[kind].__dataclass_fields__  # type: ignore[index]
    assert MERGED[kind].keys() <= entries.keys()
    assert not [name for name in MERGED[kind] if OF_NO_EFFECT.fullmatch(name)]
    assert not IN_FRONT & MERGED.keys()
