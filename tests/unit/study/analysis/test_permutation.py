"""Exact tests by rearrangement, against full enumerations."""

from __future__ import annotations

from itertools import permutations, product
from math import factorial

import numpy as np
import pytest
from scipy import stats

from nc_hf.study.analysis.permutation import (
    contributions_p,
    orders,
    permutation_p,
    sign_flip_p,
    smallest_flip_p,
    smallest_pairing_p,
)


@pytest.mark.parametrize("n", [3, 4, 5, 6])
def test_small_tests_are_full_enumerations(n: int) -> None:
    rng = np.random.default_rng(n)
    x, y = rng.random(n), rng.random(n)
    strengths = [abs(stats.pearsonr(x, shuffled).statistic) for shuffled in permutations(y)]
    expected = np.mean([strength >= abs(stats.pearsonr(x, y).statistic) - 1e-12 for strength in strengths])
    p, exact = permutation_p(x, y, factorial(n), seed=0)
    assert exact
    assert p == pytest.approx(expected)


def test_ties_count_as_equal_however_they_are_summed() -> None:
    x = np.array([0.1, 0.2, 0.3, 0.1, 0.2])
    y = np.array([0.3, 0.7, 0.9, 0.3, 0.7])
    p, exact = permutation_p(x, y, 1000, seed=0)
    assert exact
    assert p == pytest.approx(4 / 120)  # the two pairs of equals can be swapped without a change


def test_drawn_tests_come_near_the_exact_one_and_never_reach_zero() -> None:
    rng = np.random.default_rng(3)
    x, y = rng.random(8), rng.random(8)
    exact, enumerated = permutation_p(x, y, factorial(8), seed=0)
    drawn, all_tried = permutation_p(x, y, 20_000, seed=0)
    assert enumerated
    assert not all_tried
    assert drawn == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 20_000))
    assert permutation_p(x, y, 20_000, seed=0)[0] == drawn
    assert permutation_p(x, y, 20_000, seed=1)[0] != drawn
    line = np.arange(12.0)
    assert permutation_p(line, line, 999, seed=0)[0] == pytest.approx(1 / 1000)


def test_p_is_uniform_where_nothing_goes_with_the_loss() -> None:
    rng = np.random.default_rng(11)
    p = [permutation_p(rng.normal(size=10), rng.normal(size=10), 499, seed=trial)[0] for trial in range(200)]
    assert stats.kstest(p, "uniform").pvalue > 0.001


@pytest.mark.parametrize("n", [4, 6, 9])
def test_sign_flips_are_all_tried(n: int) -> None:
    differences = np.random.default_rng(n).normal(0.5, 1, size=n)
    means = [abs(np.mean(differences * signs)) for signs in product((1, -1), repeat=n)]
    expected = np.mean([mean >= abs(differences.mean()) - 1e-12 for mean in means])
    assert sign_flip_p(differences, 2**n, seed=0) == pytest.approx(expected)


def test_drawn_sign_flips_come_near_the_exact_ones() -> None:
    differences = np.random.default_rng(1).normal(0.4, 1, size=14)
    exact, drawn = (sign_flip_p(differences, draws, seed=0) for draws in (2**14, 10_000))
    assert drawn == pytest.approx(exact, abs=4 * np.sqrt(exact / 10_000))
    assert sign_flip_p(np.ones(30), 999, seed=0) == pytest.approx(1 / 1000)


def test_a_scale_changes_no_p() -> None:
    differences = np.random.default_rng(2).normal(0.4, 1, size=8)
    assert sign_flip_p(1e-9 * differences, 256, 0) == sign_flip_p(differences, 256, 0)


def test_contributions_of_units_are_combined_in_every_way() -> None:
    units = [np.array([2.0, 0.0, -2.0]), np.array([1.0, -1.0])]
    sums = [abs(a + b) for a, b in product(*units)]
    assert contributions_p(units, 100, 0) == np.mean([total >= 3 for total in sums])


def test_orders_begin_with_the_real_one() -> None:
    assert orders(4, 0)[0].tolist() == [0, 1, 2, 3]
    assert len({tuple(order) for order in orders(4, 0)}) == 24
    assert orders(9, 0)[0].tolist() == list(range(9))
    assert len(orders(9, 0)) == 5040


def test_the_smallest_p_is_reached() -> None:
    assert sign_flip_p(np.arange(1.0, 7.0), 64, 0) == smallest_flip_p(6)
    x, y = np.array([0.0, 1, 2, 9]), np.array([0.0, 1, 3, 10])
    assert permutation_p(x, y, 24, 0)[0] == pytest.approx(smallest_pairing_p(4))
