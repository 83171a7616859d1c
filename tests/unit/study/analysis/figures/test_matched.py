"""Differences at equal loss, as the analysis has them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PathCollection

from nc_hf.errors import StudyError
from nc_hf.study.analysis.figures.matched import matched_figure
from nc_hf.study.analysis.matched import matched, matched_pairs
from tests.drawn import misplaced, panels, words
from tests.results import crossed

pytestmark = pytest.mark.filterwarnings("error")


def study(seeds: int) -> pd.DataFrame:
    frame = crossed(seeds, 8, added_loss=["none", "cdnv", "duality"])
    noise = 0.01 * np.random.default_rng(0).normal(size=len(frame))
    shift = 0.08 * (frame["added_loss"] == "cdnv")
    return frame.assign(nc4_agreement=frame["nc4_agreement"] + shift + noise, ood_loss=1.2 * frame["val_loss"] + noise)


def test_every_pair_its_mean_and_interval_are_drawn() -> None:
    pairs, table = matched_pairs(study(11)), matched(study(11))
    figure = matched_figure(pairs, table, ["nc4_agreement"])
    agreement, ood = panels(figure)
    assert agreement.get_title(loc="left").startswith("nc4_agreement")
    assert ood.get_title(loc="left") == "ood_loss"
    assert [text.get_text() for text in agreement.get_yticklabels()] == [
        "added loss:\nduality less none",
        "added loss:\ncdnv less none",
    ]
    row = table[(table["metric"] == "nc4_agreement") & (table["level"] == "cdnv")].iloc[0]
    assert row["p_holm"] < 0.05
    means = [marks for marks in agreement.collections if isinstance(marks, PathCollection) and marks.get_sizes() == 42]
    (place,) = [marks for marks in means if marks.get_offsets()[0][1] == 1]
    assert place.get_offsets()[0][0] == pytest.approx(row["difference"])
    assert tuple(place.get_facecolors()[0][:3]) != (1, 1, 1)  # filled, for it is below .05
    segments = [each.get_segments() for each in agreement.collections if hasattr(each, "get_segments")]
    assert [[row["difference_low"], 1], [row["difference_high"], 1]] in [
        np.asarray(ends[0]).tolist() for ends in segments
    ]
    own = pairs[(pairs["metric"] == "nc4_agreement") & (pairs["level"] == "cdnv")]
    dots = [marks for marks in agreement.collections if len(marks.get_offsets()) == 11]
    assert (own["one"] - own["base"]).tolist() in [marks.get_offsets()[:, 0].tolist() for marks in dots]
    assert misplaced(figure) == []


def test_few_pairs_have_no_interval_and_the_legend_says_so() -> None:
    figure = matched_figure(matched_pairs(study(3)), matched(study(3)))
    assert "no interval of fewer than 6 pairs" in words(figure)
    assert "95 %" not in words(figure)
    assert misplaced(figure) == []


def test_rounding_is_not_blown_up() -> None:
    frame = study(3).assign(nc4_agreement=lambda rows: 1 - rows["val_loss"] / 5)
    axes = panels(matched_figure(matched_pairs(frame), matched(frame), ["nc4_agreement"]))[0]
    low, high = axes.get_xlim()
    assert high - low > 1e-8


def test_nothing_at_equal_loss_is_refused() -> None:
    frame = crossed(3)
    with pytest.raises(StudyError, match="same losses"):
        matched_figure(matched_pairs(frame), matched(frame))
