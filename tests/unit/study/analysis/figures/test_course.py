"""Curves during training carry their spread among seeds and their errors."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from nc_hf.errors import StudyError
from nc_hf.study.analysis.figures.course import course_figure, courses, has_course, log_spaced, step_column
from tests.drawn import misplaced, panels, words
from tests.figure_tables import STEPS, TABLES, with_steps
from tests.results import crossed

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture
def frame() -> pd.DataFrame:
    return TABLES["added losses"]


def test_the_mean_over_seeds_with_spread_and_error(frame: pd.DataFrame) -> None:
    found = courses(frame, "nc4_agreement", "saved_step")
    assert len(found) == 3
    for row, line in found.items():
        own = frame[frame["added_loss"] == frame["added_loss"][row]]
        values = own.pivot(index="saved_step", columns="seed", values="nc4_agreement").to_numpy()
        assert line["step"].tolist() == STEPS.tolist()
        assert line["mean"].tolist() == pytest.approx(values.sum(axis=1) / 3)
        centred = values - values.mean(axis=1, keepdims=True)
        assert line["spread"].tolist() == pytest.approx(np.sqrt((centred**2).sum(axis=1) / 2))
        assert line["error"].tolist() == pytest.approx([0.004 / math.sqrt(3)] * len(STEPS))


def test_one_line_a_setting_in_its_colour_with_band_and_bars(frame: pd.DataFrame) -> None:
    figure = course_figure(frame, ["nc4_agreement"])
    loss, agreement = panels(figure)
    assert loss.get_ylabel().startswith("validation loss")
    assert len(agreement.containers) == 3
    assert len({tuple(bars.lines[0].get_color()) for bars in agreement.containers}) == 3
    bars = agreement.containers[0].lines[2][0].get_segments()
    assert bars[0][1][1] - bars[0][0][1] == pytest.approx(2 * 0.004 / math.sqrt(3))
    listed = {text.get_text() for text in figure.legends[0].get_texts()}
    assert {"± one std", "± one standard error", "none", "cdnv", "duality"} <= listed
    assert agreement.get_xscale() == "symlog"
    assert agreement.get_xlabel() == "optimizer step"


@pytest.mark.slow
@pytest.mark.parametrize(
    "table",
    [
        crossed(2, 5, learning_rate=[1e-3, 1e-2]),
        crossed(1, 4, width=[32, 64], depth=[1, 2], optimizer=["adamw", "sgd"], dropout=[0.0, 0.1]),
        with_steps(crossed(2, len(STEPS), optimizer=["adamw", "sgd"])),
        TABLES["added losses"].assign(nc1_trace_ratio=np.inf, nc3_cos_mean_centred=0.0, nc2_cos_std=np.nan),
    ],
)
def test_nothing_is_cut_off_or_covered(table: pd.DataFrame) -> None:
    figure = course_figure(table)
    assert misplaced(figure) == []
    assert ("no standard" in words(figure).replace("\n", " ")) == ("val_loss_stderr" not in table)


def test_without_errors_or_seeds_there_is_a_line() -> None:
    figure = course_figure(crossed(1, 4), ["nc4_agreement"])
    line = panels(figure)[1].containers[0].lines[0]
    assert line.get_xdata().tolist() == [0.25, 0.5, 0.75, 1]
    assert "one std" not in words(figure)


def test_two_states_are_no_course(frame: pd.DataFrame) -> None:
    assert has_course(frame)
    assert not has_course(crossed(5, 2))
    with pytest.raises(StudyError, match="3 saved states"):
        course_figure(crossed(5, 2))


def test_steps_tell_the_state_where_all_rows_have_them(frame: pd.DataFrame) -> None:
    assert step_column(frame) == "saved_step"
    assert step_column(frame.assign(saved_step=np.where(frame["seed"] == 0, np.nan, 1))) == "trained_epochs"
    assert step_column(crossed(1)) == "trained_epochs"


@pytest.mark.parametrize(
    ("levels", "log"),
    [
        ([0, 1, 2, 4, 8, 16, 32], True),
        ([10, 110, 210, 310, 410], False),
        ([1, 2, 3, 4], False),
        ([100, 300, 1000, 3000], True),
    ],
)
def test_steps_are_log_spaced_where_their_ratios_are_even(levels: list[float], log: bool) -> None:
    assert log_spaced(np.array(levels, dtype=np.float64)) is log
