"""The panel of a metric says what random directions have."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nc_hf.study.analysis.figures.at_random import draw_at_random, within_reach
from tests.results import crossed


def drawn(frame: pd.DataFrame, name: str) -> tuple[Axes, list[str]]:
    axes = Figure().subplots()
    axes.scatter(frame["val_loss"], frame[name])
    return axes, draw_at_random(axes, frame, name, "linear")


def heights(axes: Axes) -> list[float]:
    return [float(line.get_ydata()[0]) for line in axes.lines if line.get_linestyle() == ":"]


def test_a_line_for_each_width_with_its_width() -> None:
    frame = crossed(1, width=[16, 64, 256]).assign(unc3_cos_std_centred=[0.3, 0.15, 0.05])
    axes, words = drawn(frame, "unc3_cos_std_centred")
    assert heights(axes) == pytest.approx([1 / 16, 1 / 8, 1 / 4])
    assert words == ["random directions (dotted): 1/√D"]
    assert [text.get_text() for text in axes.texts] == ["D=16", "D=64", "D=256"]


def test_one_width_needs_no_name() -> None:
    frame = crossed(3).assign(nc2_cos_std=[0.2, 0.16, 0.13])
    axes, words = drawn(frame, "nc2_cos_std")
    assert heights(axes) == pytest.approx([1 / 8])
    assert words == ["random directions (dotted): 1/√D"]
    assert not axes.texts


def test_a_line_far_off_is_told_in_words() -> None:
    frame = crossed(1, width=[64, 256]).assign(nc3_cos_mean_centred=[0.80, 0.81], unc3_cos_std_centred=[0.02, 0.021])
    axes, words = drawn(frame, "nc3_cos_mean_centred")
    assert not heights(axes)
    assert words == ["random directions: 0, far below"]
    assert drawn(frame, "unc3_cos_std_centred")[1] == ["random directions: 1/√D = 0.062 to 0.12, far above"]
    some = frame.assign(unc3_cos_std_centred=[0.06, 0.07])
    axes, words = drawn(some, "unc3_cos_std_centred")
    assert heights(axes) == pytest.approx([1 / 16])
    assert words == ["random directions (dotted): 1/√D = 0.062 to 0.12, in part far off"]


def test_directions_with_the_means_covariance_are_dashed_at_each_model() -> None:
    frame = crossed(4).assign(gnc2_log_std_ratio=[1.5, 2.0, 2.2, 3.0], nc2_participation_ratio=[64, 16, 16, 64 / 9])
    axes, words = drawn(frame, "gnc2_log_std_ratio")
    assert words[1] == "dashes: with the means' own covariance, about √(D/PR)"
    assert axes.collections[-1].get_offsets()[:, 1].tolist() == pytest.approx([1, 2, 2, 3])
    assert len(drawn(frame.drop(columns="nc2_participation_ratio"), "gnc2_log_std_ratio")[1]) == 1


@pytest.mark.parametrize("name", ["nc1_trace_ratio", "nc4_agreement", "val_accuracy"])
def test_nothing_is_said_of_others(name: str) -> None:
    axes, words = drawn(crossed(3), name)
    assert words == []
    assert not axes.lines


def test_reach_on_a_log_axis_is_by_ratio() -> None:
    values, lines = np.array([1.0, 100.0]), np.array([0.0, 0.001, 0.07, 10.0, 1500.0, 1e5])
    assert within_reach(lines, values, "log").tolist() == [False, False, True, True, True, False]
    assert within_reach(np.array([-50.0, 150.0, 200.0]), values, "linear").tolist() == [True, True, False]
