"""What the seeds of one cell say: permutation tests, corrections for many tests, and spread."""

from __future__ import annotations

from itertools import permutations
from math import factorial

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from nc_hf.errors import StudyError
from nc_hf.study.analysis.seeds import benjamini_hochberg, holm, permutation_p, seed_cell, seed_spread, seed_test
from tests.results import table


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


def test_holm_by_hand() -> None:
    adjusted = holm(np.array([0.01, 0.04, 0.03, 0.005, 0.9]))
    assert adjusted.tolist() == pytest.approx([0.04, 0.09, 0.09, 0.025, 0.9])
    assert holm(np.array([0.6, 0.7])).tolist() == [1, 1]


def test_benjamini_hochberg_by_hand() -> None:
    adjusted = benjamini_hochberg(np.array([0.01, 0.04, 0.03, 0.005, 0.9]))
    assert adjusted.tolist() == pytest.approx([0.025, 0.05, 0.05, 0.025, 0.9])


def test_what_cannot_be_tested_is_no_member_of_the_family() -> None:
    frame = table(5, nc1_cdnv=[1.0, 5.0, 2.0, 4.0, 3.0], nc2_cos_std=1.0, nc4_agreement=[np.nan] * 3 + [1.0, 2.0])
    rows = seed_test(frame)
    assert rows.loc[["nc2_cos_std", "nc4_agreement"], ["p", "p_holm", "p_bh"]].isna().all(axis=None)
    assert rows.loc["nc1_cdnv", "p_holm"] == rows.loc["nc1_cdnv", "p"]
    assert rows.loc["nc1_cdnv", "exact"]


def test_the_cell_with_the_most_seeds_and_the_longest_training_is_tested() -> None:
    many = table(4, nc1_cdnv=1.0)
    later = many.assign(saved_epoch=2, epochs=3, trained_epochs=3)
    few = table(3, nc1_cdnv=1.0).assign(width=128, trained_epochs=9)
    cell = seed_cell(pd.concat([few, many, later]))
    assert len(cell) == 4
    assert (cell["trained_epochs"] == 3).all()


def test_fewer_than_three_seeds_are_refused() -> None:
    twice = pd.concat([table(2, nc1_cdnv=1.0)] * 3)  # six rows, two seeds
    with pytest.raises(StudyError, match="three seeds of one cell and there are 2"):
        seed_cell(twice)
    with pytest.raises(StudyError, match="three seeds"):
        seed_test(table(2, nc1_cdnv=[1.0, 2.0]))


def test_no_permutations_are_refused() -> None:
    with pytest.raises(StudyError, match="at least 1"):
        seed_test(table(4, nc1_cdnv=np.arange(4.0)), permutations=0)


def test_spread_is_that_of_a_sample() -> None:
    spread = seed_spread(table(3, val_loss=[1.0, 2.0, 3.0], gnc2_log_mean=[-1.0, -2.0, -3.0]))
    assert spread.loc["val_loss", ["mean", "std", "cov"]].tolist() == [2, 1, 0.5]
    assert spread.loc["gnc2_log_mean", "cov"] == 0.5
