"""Correlations with the loss, plain and beyond the settings, against tables whose truth is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from nc_hf.errors import StudyError
from nc_hf.study.analysis.correlation import correlations, partial_correlations, pearson, with_interval
from tests.results import grid, table


def test_correlations_agree_with_scipy() -> None:
    rng = np.random.default_rng(1)
    frame = table(30, nc1_cdnv=rng.lognormal(size=30))
    row = correlations(frame, resamples=0).loc["nc1_cdnv"]
    x, y = frame["nc1_cdnv"], frame["val_loss"]
    assert row["n"] == 30
    assert row["pearson"] == pytest.approx(stats.pearsonr(x, y).statistic)
    assert row["spearman"] == pytest.approx(stats.spearmanr(x, y).statistic)
    assert row["r2"] == pytest.approx(stats.linregress(x, y).rvalue ** 2)
    assert row["r2_log"] == pytest.approx(stats.linregress(np.log(x), y).rvalue ** 2)
    assert np.isnan(row["pearson_low"])


def test_an_exponential_metric_is_linear_on_the_log() -> None:
    frame = table(20)
    frame = frame.assign(nc1_cdnv=np.exp(8 * frame["val_loss"]), gnc2_log_mean=-np.exp(8 * frame["val_loss"]))
    rows = correlations(frame, resamples=0)
    assert rows["r2_log"].tolist() == pytest.approx([1, 1])  # on the log of the magnitude, whatever the sign
    assert rows.loc["nc1_cdnv", "r2"] < 0.95
    assert rows.loc["nc1_cdnv", "spearman"] == pytest.approx(1)
    assert rows.loc["gnc2_log_mean", "spearman"] == pytest.approx(-1)


def test_no_log_where_the_sign_changes() -> None:
    row = correlations(table(10, nc3_cos_mean=np.linspace(-1, 1, 10)), resamples=200).loc["nc3_cos_mean"]
    assert np.isnan(row["r2_log"])
    assert np.isfinite(row["r2"])


def test_a_missing_value_costs_its_row_for_that_metric_alone() -> None:
    frame = table(12, nc1_cdnv=np.arange(12.0), nc4_agreement=np.arange(12.0))
    frame.loc[3, "nc1_cdnv"] = np.nan
    frame.loc[4, "nc1_cdnv"] = np.inf
    assert correlations(frame, resamples=0)["n"].to_dict() == {"nc1_cdnv": 10, "nc4_agreement": 12}


def test_a_constant_metric_has_no_correlation() -> None:
    row = correlations(table(12, nc1_cdnv=1.0)).loc["nc1_cdnv"]
    assert row[["pearson", "spearman", "r2", "r2_log"]].isna().all()


def test_bootstrap_intervals_cover_the_truth() -> None:
    truth, hits = 0.6, 0
    for trial in range(150):
        rng = np.random.default_rng(trial)
        x = rng.normal(size=40)
        y = truth * x + np.sqrt(1 - truth**2) * rng.normal(size=40)
        value, low, high = with_interval(pearson, x, y, 400, rng)
        assert low < value < high
        hits += low <= truth <= high
    # Nominally 142 of 150; 128 is five standard errors below, and 150 would mean intervals that are too wide.
    assert 0.85 * 150 <= hits < 150


def test_r2_of_unrelated_quantities_may_be_zero() -> None:
    row = correlations(table(50, nc1_cdnv=np.random.default_rng(5).random(50)), resamples=500).loc["nc1_cdnv"]
    assert row["r2_low"] == 0
    assert row["r2"] < row["r2_high"] == pytest.approx(max(row["pearson_low"] ** 2, row["pearson_high"] ** 2))


def test_intervals_are_the_same_for_the_same_seed_and_absent_for_few_rows() -> None:
    frame = table(20, nc1_cdnv=np.random.default_rng(2).random(20))
    pd.testing.assert_frame_equal(correlations(frame, seed=3), correlations(frame, seed=3))
    assert not correlations(frame, seed=3).equals(correlations(frame, seed=4))
    assert np.isnan(correlations(frame[:7]).loc["nc1_cdnv", "pearson_low"])


def test_two_rows_are_too_few() -> None:
    with pytest.raises(StudyError, match="needs three rows and the results have 2"):
        correlations(table(2, nc1_cdnv=[1.0, 2.0]))


def test_what_only_the_settings_explain_is_taken_out() -> None:
    frame = grid()
    rng = np.random.default_rng(7)
    noise = 0.05 * rng.normal(size=len(frame))
    frame = frame.assign(nc1_cdnv=10 / frame["width"] ** 0.5 + 1 / frame["depth"] + noise)
    row = partial_correlations(frame).loc["nc1_cdnv"]
    assert correlations(frame, resamples=0).loc["nc1_cdnv", "pearson"] > 0.8
    assert row["partial_low"] < 0 < row["partial_high"]
    assert row["partial_p"] > 0.05
    assert row["df"] == len(frame) - 2 - (2 + 2 + 1 + 1)


def test_what_remains_beyond_the_settings_is_found() -> None:
    frame = grid()
    hidden = np.random.default_rng(8).normal(size=len(frame))
    frame = frame.assign(
        nc4_agreement=np.log(frame["width"]) + hidden, val_loss=5 + frame["val_loss"] - hidden, nc1_cdnv=-hidden
    )
    rows = partial_correlations(frame)
    assert rows.loc["nc4_agreement", "partial"] < -0.99
    assert rows.loc["nc1_cdnv", "partial"] > 0.99
    assert rows.loc["nc4_agreement", "partial_p"] < 1e-10


def test_partial_correlation_is_the_textbook_one() -> None:
    rng = np.random.default_rng(9)
    frame = table(25, width=np.where(np.arange(25) % 2, 64, 128), nc1_cdnv=rng.random(25))
    x, y, z = frame["nc1_cdnv"], frame["val_loss"], frame["width"]
    xy, xz, yz = x.corr(y), x.corr(z), y.corr(z)
    expected = (xy - xz * yz) / np.sqrt((1 - xz**2) * (1 - yz**2))
    row = partial_correlations(frame).loc["nc1_cdnv"]
    t = expected * np.sqrt(22 / (1 - expected**2))
    assert row["partial"] == pytest.approx(expected)
    assert row["df"] == 22
    assert row["partial_p"] == pytest.approx(2 * stats.t.sf(abs(t), 22))
    ends = np.tanh(np.arctanh(expected) + np.array([-1.959964, 1.959964]) / np.sqrt(25 - 3 - 1))
    assert row[["partial_low", "partial_high"]].tolist() == pytest.approx(ends.tolist(), abs=1e-6)


def test_settings_that_leave_no_freedom_leave_no_number() -> None:
    frame = table(4, width=[64, 128, 256, 512], nc1_cdnv=[4.0, 3.0, 2.5, 1.0])
    assert partial_correlations(frame).loc["nc1_cdnv", ["partial", "partial_p"]].isna().all()
