"""Conditions on metrics: what they mean, when they are met, and what is no condition."""

from __future__ import annotations

import math

import pytest

from nc_hf.errors import InputError
from nc_hf.metrics import PRESETS
from nc_hf.training.gates import WORSE_IN_A_ROW, gates

NAMES = (*PRESETS["core"], "nc2_participation_ratio", "nc2_cos_mean", "nc2_cos_cov_paper")


def met(text: str, *values: float) -> list[bool]:
    (gate,) = gates(text, NAMES)
    return [gate.met({gate.name: value}) is not None for value in values]


def test_a_limit() -> None:
    assert met("nc1_trace_ratio > 3", 2.0, 3.0, 3.1, math.nan, math.inf) == [False, False, True, False, True]
    assert met(" nc2_participation_ratio<1.5e1 ", 15, 14.9) == [False, True]
    assert met("nc2_cos_mean < -0.5", -0.4, -0.6) == [False, True]


def test_a_turn_takes_three_evaluations_each_worse_than_the_one_before() -> None:
    assert WORSE_IN_A_ROW == 3
    assert met("nc1_trace_ratio turns", 3, 2, 2.1, 2.2, 2.3, 2.4) == [False] * 4 + [True, True]
    assert met("nc2_participation_ratio turns", 3, 9, 8, 7, 6) == [False] * 4 + [True]
    assert met("nc1_trace_ratio turns", 2, 2.1, 2.2, 2.15, 2.3, 2.4) == [False] * 6, "it came back in between"
    assert met("nc1_trace_ratio turns", 2, 2.1, 2.2, 1.9, 2.0, 2.1) == [False] * 6, "a new best begins anew"


def test_a_metric_that_was_not_had_meets_nothing() -> None:
    (gate,) = gates("nc1_trace_ratio > 3", NAMES)
    assert gate.met({}) is None


def test_the_sentence() -> None:
    (gate,) = gates("nc1_trace_ratio > 3", NAMES)
    assert gate.met({"nc1_trace_ratio": 3.14159}) == "nc1_trace_ratio is 3.142, above 3"


def test_several_and_none() -> None:
    assert [gate.name for gate in gates(["nc1_trace_ratio > 3", "nc4_agreement < 0.1"], NAMES)] == [
        "nc1_trace_ratio", "nc4_agreement",
    ]  # fmt: skip
    assert gates(None, NAMES) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nc1_trace_ratio", "is no condition"),
        ("nc1_trace_ratio >= 3", "is no condition"),
        ("nc1_trace_ratio > three", "is no condition"),
        ("loss > 3", "loss of 'loss > 3' is not measured: name it in preset="),
        ("nc2_cos_cov_paper turns", "no direction"),
    ],
)
def test_what_cannot_be_meant(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        gates(text, NAMES)
