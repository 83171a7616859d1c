"""What was published, computed again from the published files: every figure stated of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nc_hf.study.analysis.published import CENTRED_KERNEL, TABLE_1, load_published
from nc_hf.study.analysis.reproduction import Reproduction, reproduce
from nc_hf.study.analysis.seeds import seed_cell
from nc_hf.study.analysis.verdicts import axis_verdicts

DRAWS = 1_000_000


@pytest.fixture(scope="module")
def published(shared_data: Path) -> pd.DataFrame:
    return load_published(shared_data / "published")


@pytest.fixture(scope="module")
def again(published: pd.DataFrame) -> Reproduction:
    return reproduce(published, permutations=DRAWS, seed=0)


def within_draws(p: float, stated: float, unit: float) -> bool:
    """Whether p rounds to what is stated, give or take four standard errors of a draw on either side."""
    error = 4 * np.sqrt(2 * stated * (1 - stated) / DRAWS)
    return abs(p - stated) <= unit / 2 + error


@pytest.mark.parametrize(
    ("metric", "r2", "p", "unit"),
    [
        ("nc1_cdnv_paper", 0.192011, 0.047, 1e-3),
        ("nc2_log_norm_cov_paper", 0.026174, 0.48, 1e-2),
        ("nc2_cos_cov_paper", 0.218574, 0.032, 1e-3),
        ("gnc2_log_cov_paper", 0.487935, 0.0005, 1e-4),
        ("nc3_cos_mean", 0.322210, 0.007, 1e-3),
        ("unc3_cos_cov_paper", 0.000036, 0.98, 1e-2),
        ("nc4_agreement", 0.490278, 0.0003, 1e-4),
    ],
)
def test_table_1(again: Reproduction, metric: str, r2: float, p: float, unit: float) -> None:
    row = again.table_1.loc[metric]
    assert row["n"] == 21
    assert row["r2"] == pytest.approx(r2, abs=1e-6)
    assert within_draws(row["p"], p, unit)


def test_table_1_holds_the_seven_in_their_order(again: Reproduction) -> None:
    assert tuple(again.table_1.index) == TABLE_1


def test_under_holm_only_three_stay(again: Reproduction) -> None:
    survivors = set(again.table_1.index[again.table_1["p_holm"] < 0.05])
    assert survivors == {"nc4_agreement", "gnc2_log_cov_paper", "nc3_cos_mean"}


def test_centred_kernel(again: Reproduction) -> None:
    row = again.centred_kernel.loc[CENTRED_KERNEL]
    assert row["r2"] == pytest.approx(0.262, abs=5e-4)
    assert within_draws(row["p"], 0.018, 1e-3)


@pytest.mark.parametrize(
    ("metric", "column", "r2"),
    [
        ("nc1_cdnv_paper", "r2_log", 0.916),
        ("nc4_agreement", "r2", 0.891),
        ("nc2_cos_std", "r2", 0.875),
        ("nc2_log_norm_cov_paper", "r2", 0.865),
        (CENTRED_KERNEL, "r2", 0.841),
        ("gnc2_log_cov_paper", "r2", 0.727),
        ("unc3_cos_cov_paper", "r2", 0.693),
        ("nc2_cos_cov_paper", "r2", 0.352),
        ("nc3_cos_mean", "r2", 0.312),
        ("nc2_norm_cov", "r2", 0.079),
    ],
)
def test_r2_over_all_models(again: Reproduction, metric: str, column: str, r2: float) -> None:
    row = again.all_models.loc[metric]
    assert row["n"] == 230
    assert row[column] == pytest.approx(r2, abs=5e-4)


@pytest.mark.parametrize(("axis", "groups"), [("width", 35), ("depth", 42), ("trained_epochs", 60)])
@pytest.mark.parametrize(("metric", "direction"), [("nc1_cdnv_paper", "falling"), ("nc4_agreement", "rising")])
def test_cdnv_falls_and_nc4_rises_in_every_group(
    again: Reproduction, metric: str, direction: str, axis: str, groups: int
) -> None:
    row = again.trends.set_index(["metric", "axis"]).loc[(metric, axis)]
    assert row["groups"] == groups
    assert row[direction] == 1


@pytest.mark.parametrize(
    ("metric", "axis", "rise", "fall", "groups"),
    [
        ("unc3_cos_cov_paper", "width", 0, 35, 35),
        ("unc3_cos_cov_paper", "trained_epochs", 0, 60, 60),
        ("unc3_cos_cov_paper", "depth", 25, 16, 42),
        ("nc3_cos_mean", "width", 29, 6, 35),
        ("nc3_cos_mean", "depth", 15, 23, 42),
        ("nc3_cos_mean", "trained_epochs", 58, 2, 60),
    ],
)
def test_unc3_and_nc3_by_axis(again: Reproduction, metric: str, axis: str, rise: int, fall: int, groups: int) -> None:
    row = again.trends.set_index(["metric", "axis"]).loc[(metric, axis)]
    assert row["groups"] == groups
    assert [round(row["rising"] * groups), round(row["falling"] * groups)] == [rise, fall]


def test_the_sentences_say_it_by_axis(again: Reproduction) -> None:
    width, depth, training, _ = axis_verdicts(again.trends, [*TABLE_1])
    assert width.startswith(
        "Along width (35 groups, 5 independent), falling in every group, established: nc1_cdnv_paper"
    )
    assert "unc3_cos_cov_paper; " in width.split("rising in every group")[0]
    assert "no stable sign: nc3_cos_mean (15 rise, 23 fall), unc3_cos_cov_paper (25 rise, 16 fall)" in depth
    assert "rising in most groups, established: gnc2_log_cov_paper (in 49), nc3_cos_mean (in 58)" in training


@pytest.mark.parametrize(("metric", "ratio"), [("nc1_cdnv_paper", 0.736), ("nc1_cdnv_scale_free", 0.992)])
def test_weight_decay_moves_cdnv_through_scale(again: Reproduction, metric: str, ratio: float) -> None:
    row = again.trends.set_index(["metric", "axis"]).loc[(metric, "weight_decay")]
    assert row["groups"] == 90
    assert row["median_ratio"] == pytest.approx(ratio, abs=5e-4)


def test_seed_spread(published: pd.DataFrame, again: Reproduction) -> None:
    seeds = seed_cell(published)
    variances = seeds[["gnc2_log_std", "unc3_cos_std"]] ** 2
    spread = again.spread["cov"]
    assert spread["val_loss"] == pytest.approx(0.004, abs=5e-4)
    assert spread["nc1_cdnv_paper"] == pytest.approx(0.022, abs=5e-4)
    assert spread["nc4_agreement"] == pytest.approx(0.010, abs=5e-4)
    # The variances that the files hold: of the centred log kernel over pairs, of the cosine with the head over classes.
    of_variance = variances.std() / variances.mean()
    assert of_variance["gnc2_log_std"] == pytest.approx(0.025, abs=5e-4)
    assert of_variance["unc3_cos_std"] == pytest.approx(0.011, abs=5e-4)


def test_every_claim_holds(again: Reproduction) -> None:
    assert again.claims["holds"].all()
    assert again.claims["found"].str.contains("0.736 and x 0.992").any()


@pytest.mark.slow
def test_a_claim_that_the_models_do_not_bear_out_is_reported(published: pd.DataFrame) -> None:
    reversed_width = published.assign(nc1_cdnv_paper=1 / published["nc1_cdnv_paper"])
    claims = reproduce(reversed_width, permutations=100).claims.set_index("statement")["holds"]
    assert not claims["CDNV falls with width, depth and training in every group"]
    assert claims["NC4 rises with width, depth and training in every group"]
