"""Training lengths are told apart, and states of a run joined."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from nc_hf.study.analysis.figures.encoding import encode
from nc_hf.study.analysis.figures.training_marks import areas, draw_lines, draw_marks, training_section
from tests.results import crossed

WHITE = to_rgba("white")


def drawn(frame: pd.DataFrame) -> Axes:
    axes = Figure().subplots()
    draw_lines(axes, frame, "nc4_agreement")
    draw_marks(axes, frame, "nc4_agreement", encode(frame), np.arange(len(frame)))
    return axes


def test_less_training_is_hollow_and_smaller() -> None:
    frame = crossed(1, width=[32, 64], epochs=[1, 3])
    hollow, filled = [], []
    for marks in drawn(frame).collections:
        is_hollow = tuple(marks.get_facecolors()[0]) == WHITE
        (hollow if is_hollow else filled).extend(zip(marks.get_offsets()[:, 0], marks.get_sizes(), strict=True))
    by_length = frame.groupby("epochs")["val_loss"].apply(sorted)
    assert sorted(loss for loss, _ in hollow) == by_length[1]
    assert sorted(loss for loss, _ in filled) == by_length[3]
    assert max(size for _, size in hollow) < min(size for _, size in filled)
    assert areas(np.array([1.0, 3, 10])).tolist() == sorted(areas(np.array([1.0, 3, 10])))


@pytest.mark.parametrize("frame", [crossed(3), crossed(1, epochs=[5], width=[32, 64])])
def test_one_length_is_filled_and_goes_without_saying(frame: pd.DataFrame) -> None:
    axes = drawn(frame)
    assert all(tuple(marks.get_facecolors()[0]) != WHITE for marks in axes.collections)
    assert not axes.lines
    assert training_section(frame) == []


def test_states_of_a_run_are_joined_in_order_and_longer_runs_with_dots() -> None:
    frame = crossed(2, 3, epochs=[1, 2])
    lines = drawn(frame.sample(frac=1, random_state=0)).lines
    runs = [line for line in lines if line.get_linestyle() == "-"]
    longer = [line for line in lines if line.get_linestyle() != "-"]
    assert len(runs) == 4
    assert len(longer) == 2
    for line in runs:
        whole = frame[frame["val_loss"].isin(line.get_xdata())].sort_values("trained_epochs")
        assert whole[["seed", "epochs"]].drop_duplicates().shape[0] == 1
        assert line.get_xdata().tolist() == whole["val_loss"].tolist()
    for line in longer:
        ends = frame[frame["val_loss"].isin(line.get_xdata())]
        assert ends["trained_epochs"].tolist() == [1, 2]
        assert ends["seed"].nunique() == 1
    ((heading, entries),) = training_section(frame)
    assert heading == "epochs trained"
    assert [name for name, _ in entries[-2:]] == ["states of one run", "the same, trained longer"]


def test_many_lengths_are_listed_in_short() -> None:
    ((_, entries),) = training_section(crossed(1, 8))
    assert [name for name, _ in entries] == ["0.125", "… 0.875 (8 in all)", "1", "states of one run"]


def test_lines_skip_what_is_undefined() -> None:
    frame = crossed(1, 4)
    frame.loc[1, "nc4_agreement"] = np.inf
    (line,) = drawn(frame).lines
    assert len(line.get_xdata()) == 3
