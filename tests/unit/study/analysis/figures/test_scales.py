"""Axes that drop nothing."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from nc_hf.study.analysis.figures.scales import choose_scale, set_scale

pytestmark = pytest.mark.filterwarnings("error")


@pytest.mark.parametrize(
    ("values", "scale"),
    [
        ([], "linear"),
        ([np.nan, np.inf], "linear"),
        ([0.0, 0.0], "linear"),
        ([1.0, 2.0], "linear"),
        ([0.1, 10.0, np.inf], "log"),
        ([0.0, 0.1, 10.0], "symlog"),
        ([0.0, 1.0, 10.0], "linear"),
        ([-5.0, 3.0, 80.0], "linear"),
        ([-5.0, 0.0, 3.0, 1e5], "symlog"),
    ],
)
def test_the_scale_follows_from_the_values(values: list[float], scale: str) -> None:
    assert choose_scale("nc1_cdnv", values) == scale


def test_shares_of_tokens_stay_linear() -> None:
    assert choose_scale("nc4_agreement", [1e-5, 0.5]) == "linear"


@pytest.mark.parametrize("values", [[0.0, 1e-4, 30.0], [0.0, 0.1, 10.0], [-1e4, -1.0, 0.0, 2.0, 1e3], [-3e6, -1, -2]])
def test_all_values_lie_inside_with_room_and_ticks_on_the_side_where_they_are(values: list[float]) -> None:
    figure = Figure()
    axes = figure.subplots()
    axes.scatter(range(len(values)), values)
    set_scale(axes, "symlog", values)
    figure.draw_without_rendering()
    inside = axes.transAxes.inverted().transform(axes.transData.transform([(0, value) for value in values]))[:, 1]
    assert inside.min() > 0.02
    assert inside.max() < 0.98
    low, high = axes.get_ylim()
    shown = [tick for tick in axes.get_yticks() if low <= tick <= high]
    assert 0.0 in axes.get_yticks()
    assert 2 <= len(shown) <= 15
    assert all(low <= tick for tick in shown)
    assert any(tick < 0 for tick in shown) == (min(values) < 0)
