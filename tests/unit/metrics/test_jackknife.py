"""Errors and intervals of replicates: against SciPy, and against the law that they are made for."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from nc_hf.metrics.jackknife import FEWEST_GROUPS, LEVEL, jackknife_error, t_quantile, without_bias


@pytest.mark.parametrize("groups", range(2, 40))
@pytest.mark.parametrize("level", [0.5, 0.95, 0.999])
def test_quantiles_are_those_of_student_s_law(groups: int, level: float) -> None:
    wanted = stats.t.ppf((1 + level) / 2, groups - 1)
    assert t_quantile(groups, level) == pytest.approx(wanted, rel=1e-10)


def test_of_a_mean_the_error_is_that_of_the_textbook() -> None:
    values = np.random.default_rng(0).normal(size=12)
    replicates = [float(np.delete(values, place).mean()) for place in range(12)]
    assert jackknife_error(replicates) == pytest.approx(values.std(ddof=1) / np.sqrt(12), rel=1e-12)


@pytest.mark.parametrize("odd", [[math.inf], [-math.inf, math.inf], [math.nan], [math.inf, math.nan]], ids=str)
def test_a_replicate_that_is_not_finite_leaves_no_error(odd: list[float]) -> None:
    assert math.isnan(jackknife_error([1.0, 2.0, *odd, 3.0]))


@pytest.mark.parametrize("groups", [FEWEST_GROUPS, 10])
def test_intervals_of_means_hold_the_truth_as_often_as_they_say(groups: int) -> None:
    rng = np.random.default_rng(1)
    draws = rng.normal(size=(4_000, groups))
    held = 0
    for values in draws:
        replicates = ((values.sum() - values) / (groups - 1)).tolist()
        held += abs(values.mean()) <= t_quantile(groups) * jackknife_error(replicates)
    assert held / len(draws) == pytest.approx(LEVEL, abs=4 * np.sqrt(0.95 * 0.05 / len(draws)))


def test_a_bias_that_falls_with_the_sample_is_taken_out() -> None:
    """The mean of n squares about their own mean is (n-1)/n of the variance; without the bias it is the textbook's."""
    values = np.random.default_rng(2).normal(size=9)
    replicates = [float(np.delete(values, place).var()) for place in range(9)]
    assert without_bias(float(values.var()), replicates, 8 / 9) == pytest.approx(values.var(ddof=1), rel=1e-12)


def test_halves_show_the_same_bias() -> None:
    """Over all halves of eight the mean of the variance about their own mean is 6/7 of that of all, so it is exact."""
    values = np.random.default_rng(2).normal(size=8)
    halves = [float(values[list(half)].var()) for half in combinations(range(8), 4)]
    assert without_bias(float(values.var()), halves, 1 / 2) == pytest.approx(values.var(ddof=1), rel=1e-12)


def test_a_mean_has_no_bias() -> None:
    values = np.random.default_rng(3).normal(size=7)
    replicates = [float(np.delete(values, place).mean()) for place in range(7)]
    assert without_bias(float(values.mean()), replicates, 6 / 7) == pytest.approx(values.mean(), rel=1e-12)


@pytest.mark.parametrize(("value", "odd"), [(1.0, math.inf), (1.0, math.nan), (math.inf, 1.0)])
def test_what_is_not_finite_corrects_nothing(value: float, odd: float) -> None:
    assert without_bias(value, [1.0, odd, 2.0], 2 / 3) == value
