"""Metrics along one setting: groups are counted, and nothing else moves in them."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from nc_hf.study.analysis.trends import moves_with, trends
from tests.results import grid, table


def test_trends_count_groups_by_rank_sign() -> None:
    frame = grid().assign(nc1_cdnv=lambda rows: 1 / rows["width"], nc4_agreement=lambda rows: rows["depth"] * 1.0)
    bump = (frame["depth"] == 1) & (frame["epochs"] == 1) & (frame["weight_decay"] == 0.1)
    frame.loc[bump & (frame["width"] == 256), "nc1_cdnv"] = 1 / 100  # still the trend, no longer in order
    found = trends(frame).set_index(["metric", "axis"])
    width = found.loc[("nc1_cdnv", "width")]
    assert width["groups"] == 3 * 2 * 2
    assert (width["falling"], width["rising"]) == (1, 0)
    assert width["monotone"] == pytest.approx(11 / 12)
    assert width["median_ratio"] == pytest.approx(1 / 4)
    depth = found.loc[("nc4_agreement", "depth")]
    assert (depth["rising"], depth["monotone"], depth["median_ratio"]) == (1, 1, 4)
    flat = found.loc[("nc4_agreement", "width")]
    assert (flat["rising"], flat["falling"], flat["median_ratio"]) == (0, 0, 1)
    assert found.loc[("val_loss", "trained_epochs"), "falling"] == 1


def test_seeds_and_schedules_are_not_mixed_into_a_trend() -> None:
    two_seeds = pd.concat([grid().assign(nc1_cdnv=1.0), grid().assign(nc1_cdnv=5.0, seed=1)])
    found = trends(two_seeds, ["nc1_cdnv"], axes=["width"]).set_index("metric").loc["nc1_cdnv"]
    assert found["groups"] == 24
    assert found["median_ratio"] == 1


def test_a_table_without_any_comparison_has_no_trend() -> None:
    assert trends(table(5, nc1_cdnv=1.0)).empty


def test_a_setting_that_nobody_foresaw_is_an_axis_and_is_held_along_the_others() -> None:
    frame = pd.concat([grid().assign(learning_rate=rate, nc1_cdnv=rate) for rate in (0.002, 0.006)])
    found = trends(frame, ["nc1_cdnv"]).set_index(["metric", "axis"])
    assert found.loc[("nc1_cdnv", "learning_rate"), "groups"] == 36
    assert found.loc[("nc1_cdnv", "learning_rate"), "rising"] == 1
    assert found.loc[("nc1_cdnv", "width"), ["groups", "rising", "falling"]].tolist() == [24, 0, 0]


def test_what_an_axis_carries_along_is_not_held() -> None:
    frame = grid().assign(nc1_cdnv=1.0, heads=lambda rows: rows["width"] // 16)
    assert moves_with(frame, "width") == ["heads"]
    assert trends(frame, ["nc1_cdnv"], axes=["width"])["groups"].tolist() == [12, 12]


def test_rises_are_clear_only_beyond_the_errors_of_their_ends() -> None:
    frame = grid().assign(nc1_cdnv=lambda rows: np.log2(rows["width"]), nc1_cdnv_stderr=0.6)
    found = trends(frame, ["nc1_cdnv"], axes=["width"]).set_index("metric")
    assert found.loc["nc1_cdnv", "clear_rising"] == 1  # 2 over .6 x sqrt(2) is 2.4
    wide = trends(frame.assign(nc1_cdnv_stderr=0.8), ["nc1_cdnv"], axes=["width"]).set_index("metric")
    assert wide.loc["nc1_cdnv", ["rising", "clear_rising", "clear_falling"]].tolist() == [1, 0, 0]
    assert np.isnan(found.loc["val_loss", "clear_falling"])


def test_the_test_along_an_axis_is_the_full_exchange_of_levels_within_units() -> None:
    frame = grid().assign(nc1_cdnv=np.random.default_rng(4).random(36))
    row = trends(frame, ["nc1_cdnv"], axes=["width"]).set_index("metric").loc["nc1_cdnv"]
    assert (row["groups"], row["units"]) == (12, 3)
    rest = ["epochs", "weight_decay"]
    by_depth = [
        [
            np.mean([stats.spearmanr(order, curve).statistic for _, curve in unit.groupby(rest)["nc1_cdnv"]])
            for order in permutations(range(3))
        ]
        for _, unit in frame.groupby("depth")
    ]
    real = abs(sum(unit[0] for unit in by_depth))
    expected = np.mean([abs(sum(each)) >= real - 1e-12 for each in product(*by_depth)])
    assert row["p"] == pytest.approx(expected)


def test_too_few_units_have_no_test() -> None:
    one = grid()[lambda rows: rows["depth"] == 1].assign(nc1_cdnv=lambda rows: 1.0 * rows["width"])
    row = trends(one, ["nc1_cdnv"], axes=["width"]).set_index("metric").loc["nc1_cdnv"]
    assert row["units"] == 1
    assert np.isnan(row["p"])
    assert trends(one, ["nc1_cdnv"], axes=["width"], cluster="run")["units"].tolist() == [4, 4]


def test_holm_counts_the_metrics_of_one_axis() -> None:
    found = trends(grid().assign(nc1_cdnv=lambda rows: 1.0 * rows["width"]), ["nc1_cdnv"])
    width = found[found["axis"] == "width"]
    assert width["p"].tolist() == pytest.approx([2 / 216] * 2)
    assert width["p_holm"].tolist() == pytest.approx([4 / 216] * 2)


@pytest.mark.slow
def test_along_an_axis_chance_is_taken_for_a_finding_at_the_nominal_rate() -> None:
    """What an architecture does of its own it does at every length and decay."""
    rng, frame = np.random.default_rng(6), grid()
    shape = frame.groupby(["width", "depth"]).ngroup().to_numpy()
    p = []
    for _ in range(300):
        drawn = frame.assign(nc1_cdnv=9 + rng.normal(size=9)[shape] + 0.3 * rng.normal(size=36))
        p.append(trends(drawn, ["nc1_cdnv"], axes=["width"]).set_index("metric")["p"]["nc1_cdnv"])
    # Where all groups of a unit agree, the only attainable levels about .05 are 2 and 14 of 216.
    assert np.mean(np.array(p) < 0.05) < 0.07
    assert 0.06 < np.mean(np.array(p) < 0.15) < 0.2
