"""Sentences are as strong as their test and no stronger."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from nc_hf.study.analysis.verdicts import (
    axis_verdicts,
    beyond_verdicts,
    direction,
    held_out_verdict,
    matched_verdict,
    seed_verdict,
)

TREND = {"metric": "m", "axis": "width", "groups": 10, "units": 5, "clear_rising": np.nan, "clear_falling": np.nan}


@pytest.mark.parametrize(
    ("row", "kind", "shown"),
    [
        ({"rising": 1.0, "falling": 0.0, "p_holm": 0.01}, "rising in every group, established", "m"),
        ({"rising": 0.0, "falling": 1.0, "p_holm": 0.2}, "falling in every group, not established", "m"),
        ({"rising": 0.0, "falling": 1.0, "p_holm": np.nan}, "falling in every group, not established", "m"),
        ({"rising": 0.9, "falling": 0.1, "p_holm": 0.01}, "rising in most groups, established", "m (in 9)"),
        ({"rising": 0.9, "falling": 0.1, "p_holm": 0.2}, "no stable sign", "m (9 rise, 1 fall)"),
        ({"rising": 0.0, "falling": 0.0, "p_holm": np.nan}, "flat", "m"),
        (
            {"rising": 1.0, "falling": 0.0, "p_holm": 0.01, "clear_rising": 0.7, "clear_falling": 0.0},
            "rising in every group, established",
            "m (clear of errors in 7)",
        ),
    ],
)
def test_a_direction_is_said_by_axis(row: dict[str, float], kind: str, shown: str) -> None:
    assert direction(pd.Series(TREND | row)) == (kind, shown)


def test_a_metric_with_a_sign_on_one_axis_and_none_on_another_is_told_apart() -> None:
    rows = [
        TREND | {"rising": 0.0, "falling": 1.0, "p_holm": 0.01},
        TREND | {"axis": "depth", "rising": 0.6, "falling": 0.4, "p_holm": 0.8},
        TREND | {"axis": "weight_decay", "groups": 1, "units": 1, "rising": 1.0, "falling": 0.0, "p_holm": np.nan},
    ]
    assert axis_verdicts(pd.DataFrame(rows), ["m"]) == [
        "Along width (10 groups, 5 independent), falling in every group, established: m.",
        "Along depth (10 groups, 5 independent), no stable sign: m (6 rise, 4 fall).",
        "Along weight decay there is one group: nothing is said.",
    ]


def partial_row(**changes: float) -> dict[str, float]:
    row = {"partial": 0.5, "partial_low": 0.2, "partial_high": 0.7, "partial_p": 0.01, "partial_p_holm": 0.02}
    return row | {"reliability": 0.9} | changes


def test_beyond_the_settings_each_kind_of_answer_is_named() -> None:
    rows = {
        "sure": partial_row(),
        "fragile": partial_row(),
        "weak": partial_row(partial_p_holm=0.3),
        "noisy": partial_row(reliability=0.3),
        "few": partial_row(partial_p=np.nan),
        "none": partial_row(partial=np.nan),
        "blind": partial_row(reliability=np.nan),
    }
    agree = pd.Series([True, False, True, True, None, None, True], index=list(rows), dtype=object)
    said = beyond_verdicts(pd.DataFrame.from_dict(rows, orient="index"), agree)
    assert said == [
        "Beyond the settings, going with the loss under every model tried: "
        "sure +0.50 [+0.20, +0.70], Holm 0.02; blind +0.50 [+0.20, +0.70], Holm 0.02.",
        "Beyond the settings, going with the loss under some models and not under others: "
        "fragile +0.50 [+0.20, +0.70], Holm 0.02.",
        "Beyond the settings, not shown to go with the loss: weak +0.50 [+0.20, +0.70].",
        "Beyond the settings, no answer, since half or more of what is left may be error of measurement: noisy (70%).",
        "Beyond the settings, too few rows or clusters for an answer: few.",
        "Beyond the settings, nothing of it or of the loss is left: none.",
    ]


def test_what_seeds_could_never_show_is_said() -> None:
    test = pd.DataFrame({"n": 5, "p": 0.2, "p_holm": 1.0}, index=[f"m{number}" for number in range(8)])
    assert seed_verdict(test).endswith(
        "over 8 metrics (so many seeds could show none: the smallest possible is 0.067)."
    )
    assert seed_verdict(test[:1]).endswith("nothing is below .05 after Holm over 1 metric.")
    assert "m0 go with" in seed_verdict(test.assign(p_holm=[0.01] + [1.0] * 7))
    assert "too few" in seed_verdict(test.assign(p=np.nan, n=3))


def test_a_gain_is_claimed_only_with_its_test() -> None:
    names = ["settings", "settings + accuracy", "settings + accuracy + NC"]
    table = pd.DataFrame({"from": names, "r2": [0.5, 0.8, 0.79], "gain": [np.nan, 0.3, -0.01]})
    table = table.assign(p=[np.nan, 0.001, 0.9], p_holm=[np.nan, 0.002, 0.9])
    first, second = held_out_verdict(table)
    assert first.startswith("Foretelling the loss of an architecture left out, accuracy helps (R² 0.800")
    assert second.startswith("That NC helps to foretell the loss of an architecture left out is not shown")
    assert "cannot be tested" in held_out_verdict(table.assign(p=np.nan))[0]


def test_differences_at_equal_loss_are_claimed_only_with_their_test() -> None:
    rows = {
        "setting": "head",
        "level": "simplex",
        "against": "free",
        "metric": ["a", "b"],
        "pairs": 7,
        "difference": 0.1,
    }
    table = pd.DataFrame(rows).assign(p=0.01, p_holm=[0.02, 0.2])
    assert matched_verdict(table) == ["At equal loss, head simplex against free: a +0.1 (Holm 0.02); 7 pairs."]
    assert matched_verdict(table.assign(p_holm=0.5)) == [
        "At equal loss, head simplex against free: no difference is below .05 after Holm (7 pairs)."
    ]
    many = pd.concat([table.assign(metric=f"m{number}", p_holm=1.0) for number in range(88)], ignore_index=True)
    assert matched_verdict(many) == [  # 176 x 2 / 2^12 is above .05, and half of it is not
        "At equal loss, head simplex against free: no difference is below .05 after Holm (7 pairs, which could show "
        "none among 176 tests: run 13, or ask for fewer metrics)."
    ]
    assert "too few for a test" in matched_verdict(table.assign(p=np.nan, p_holm=np.nan, pairs=3))[0]
