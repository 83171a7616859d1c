"""Metrics along one setting: groups are counted, and nothing else moves in them."""

from __future__ import annotations

import pandas as pd
import pytest

from nc_hf.study.analysis.trends import trends
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
