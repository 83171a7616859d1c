"""What the seeds of one cell say: permutation tests, corrections for many tests, and spread."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from nc_hf.errors import StudyError
from nc_hf.study.analysis.seeds import seed_cell, seed_spread, seed_test
from tests.results import table


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


def test_rows_of_two_learning_rates_are_two_cells() -> None:
    one = table(4, nc1_cdnv=1.0, learning_rate=0.002)
    both = pd.concat([one, one.assign(learning_rate=0.006, seed=one["seed"] + 10)])
    cell = seed_cell(both)
    assert len(cell) == 4
    assert cell["learning_rate"].nunique() == 1
    words = both.assign(learning_rate=1.0, optimizer=["adamw"] * 4 + ["sgd"] * 4)
    assert seed_cell(words)["optimizer"].nunique() == 1


def test_rows_that_share_a_seed_are_not_counted_twice() -> None:
    crossed = pd.concat([table(4, nc1_cdnv=1.0, data_seed=order) for order in (0, 1)])
    cell = seed_cell(crossed)
    assert len(cell) == 4
    assert not cell["seed"].duplicated().any()
    orders = table(3, nc1_cdnv=1.0, data_seed=range(3)).assign(seed=0)
    assert len(seed_cell(orders)) == 3


def test_fewer_than_three_seeds_are_refused() -> None:
    twice = pd.concat([table(2, nc1_cdnv=1.0)] * 3)  # six rows, two seeds
    with pytest.raises(StudyError, match="3 seeds of one cell and there are 2"):
        seed_cell(twice)


def test_three_seeds_have_a_spread_and_no_test() -> None:
    cell = seed_cell(table(3, nc1_cdnv=[1.0, 2.0, 3.0]))
    assert seed_test(cell).loc["nc1_cdnv", ["pearson", "p", "p_holm"]].isna().all()
    assert seed_spread(cell).loc["nc1_cdnv", "std"] == 1
    assert seed_spread(cell[:2]).loc["nc1_cdnv", ["mean", "std", "cov"]].isna().all()


def test_no_permutations_are_refused() -> None:
    with pytest.raises(StudyError, match="at least 1"):
        seed_test(table(4, nc1_cdnv=np.arange(4.0)), permutations=0)


def test_spread_is_that_of_a_sample() -> None:
    spread = seed_spread(table(3, val_loss=[1.0, 2.0, 3.0], gnc2_log_mean=[-1.0, -2.0, -3.0]))
    assert spread.loc["val_loss", ["mean", "std", "cov"]].tolist() == [2, 1, 0.5]
    assert spread.loc["gnc2_log_mean", "cov"] == 0.5
