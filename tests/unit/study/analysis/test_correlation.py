"""Correlations with the loss, plain and beyond the settings, against tables whose truth is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from nc_hf.errors import StudyError
from nc_hf.study.analysis.correlation import correlations
from tests.results import table


def test_correlations_agree_with_scipy() -> None:
    rng = np.random.default_rng(1)
    frame = table(30, nc1_cdnv=rng.lognormal(size=30))
    row = correlations(frame).loc["nc1_cdnv"]
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
    rows = correlations(frame)
    assert rows["r2_log"].tolist() == pytest.approx([1, 1])  # on the log of the magnitude, whatever the sign
    assert rows.loc["nc1_cdnv", "r2"] < 0.95
    assert rows.loc["nc1_cdnv", "spearman"] == pytest.approx(1)
    assert rows.loc["gnc2_log_mean", "spearman"] == pytest.approx(-1)


def test_no_log_where_the_sign_changes() -> None:
    row = correlations(table(10, nc3_cos_mean=np.linspace(-1, 1, 10))).loc["nc3_cos_mean"]
    assert np.isnan(row["r2_log"])
    assert np.isfinite(row["r2"])


def test_a_missing_value_costs_its_row_for_that_metric_alone() -> None:
    frame = table(12, nc1_cdnv=np.arange(12.0), nc4_agreement=np.arange(12.0))
    frame.loc[3, "nc1_cdnv"] = np.nan
    frame.loc[4, "nc1_cdnv"] = np.inf
    assert correlations(frame)["n"].to_dict() == {"nc1_cdnv": 10, "nc4_agreement": 12}


def test_a_constant_metric_has_no_correlation() -> None:
    row = correlations(table(12, nc1_cdnv=1.0)).loc["nc1_cdnv"]
    assert row[["pearson", "spearman", "r2", "r2_log"]].isna().all()


def test_r2_of_unrelated_quantities_may_be_zero() -> None:
    row = correlations(table(50, nc1_cdnv=np.random.default_rng(5).random(50)), cluster="run").loc["nc1_cdnv"]
    assert row["r2_low"] == 0
    assert row["r2"] < row["r2_high"] == pytest.approx(max(row["pearson_low"] ** 2, row["pearson_high"] ** 2))


def many_architectures(n: int = 24) -> pd.DataFrame:
    rng = np.random.default_rng(2)
    return table(n, nc1_cdnv=rng.random(n), width=np.repeat(np.arange(n // 2), 2) + 8, seed=np.tile([0, 1], n // 2))


def test_below_the_floors_there_is_no_interval_and_no_test() -> None:
    frame = many_architectures()
    whole = correlations(frame).loc["nc1_cdnv"]
    assert whole[["clusters", "n"]].tolist() == [12, 24]
    assert whole["pearson_low"] < whole["pearson"] < whole["pearson_high"]
    assert 2 < whole["df"] < 11
    for few in (frame[:7], frame[frame["width"] < 12]):
        row = correlations(few).loc["nc1_cdnv"]
        assert np.isfinite(row["pearson"])
        assert row[["pearson_low", "spearman_high", "r2_low", "p", "p_holm"]].isna().all()


def test_rows_count_as_the_clusters_that_are_asked_for() -> None:
    frame = many_architectures()
    assert correlations(frame, cluster="run").loc["nc1_cdnv", "clusters"] == 24
    assert correlations(frame, cluster="setting").loc["nc1_cdnv", "clusters"] == 12
    doubled = pd.concat([frame, frame.assign(saved_epoch=1, trained_epochs=2)])
    once, twice = (correlations(rows).loc["nc1_cdnv"] for rows in (frame, doubled))
    assert twice["n"] == 2 * once["n"]
    assert twice["pearson_high"] - twice["pearson_low"] == pytest.approx(
        once["pearson_high"] - once["pearson_low"], rel=0.05
    )  # the same numbers again are no further evidence


def test_reliability_is_what_errors_leave() -> None:
    frame = many_architectures()
    assert np.isnan(correlations(frame).loc["nc1_cdnv", "reliability"])
    error = frame["nc1_cdnv"].std(ddof=1) * np.sqrt(0.3)
    row = correlations(frame.assign(nc1_cdnv_stderr=error)).loc["nc1_cdnv"]
    assert row["reliability"] == pytest.approx(0.7)
    assert correlations(frame.assign(nc1_cdnv_stderr=9.0)).loc["nc1_cdnv", "reliability"] == 0


def test_holm_counts_all_metrics_of_the_table() -> None:
    frame = many_architectures().assign(nc4_agreement=lambda rows: rows["val_loss"] + rows["nc1_cdnv"])
    p = correlations(frame)[["p", "p_holm"]]
    assert p["p_holm"].max() == pytest.approx(p["p"].max())
    assert p["p_holm"].min() == pytest.approx(2 * p["p"].min())


def test_two_rows_are_too_few() -> None:
    with pytest.raises(StudyError, match="needs three rows and the results have 2"):
        correlations(table(2, nc1_cdnv=[1.0, 2.0]))
