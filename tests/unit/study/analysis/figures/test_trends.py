"""The figure of trends says what its tables say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from nc_hf.errors import StudyError
from nc_hf.study.analysis.figures.trends import has_trends, swept_axes, trend_figure
from tests.drawn import misplaced, panels, titles
from tests.figure_tables import TABLES
from tests.results import crossed, small_study

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return small_study()


@pytest.mark.slow
def test_trends_count_their_groups(frame: pd.DataFrame) -> None:
    figure = trend_figure(frame)
    assert len(panels(figure)) == 4 * 3
    assert titles(figure)[:3] == ["falls in 4 of 4", "falls in 6 of 6", "falls in 6 of 6"]
    assert titles(figure)[9:] == ["rises in 4 of 4", "rises in 6 of 6", "rises in 6 of 6"]
    first = panels(figure)[0]
    assert all(line.get_ydata()[0] == 1 for line in first.lines)
    assert list(first.get_xticks()) == [64, 128, 256]


def test_trends_from_initialisation_start_at_zero(frame: pd.DataFrame) -> None:
    initial = frame.assign(saved_epoch=-1, trained_epochs=0, nc1_cdnv=100.0, val_loss=8.0)
    last = panels(trend_figure(pd.concat([frame, initial]), ["nc1_cdnv"]))[-1]
    assert last.get_xscale() == "linear"
    assert last.get_xticks()[0] == 0


def test_crowded_ticks_go_without_numbers(frame: pd.DataFrame) -> None:
    wide = frame.assign(width=frame["width"].map({64: 64, 128: 1000, 256: 1024}))
    figure = trend_figure(wide, ["nc1_cdnv"])
    assert [text.get_text() for text in panels(figure)[0].get_xticklabels()] == ["64", "", "1024"]


def test_no_trend_without_a_second_setting(frame: pd.DataFrame) -> None:
    alone = frame[frame["seed"] > 0]
    assert has_trends(frame)
    assert not has_trends(alone)
    with pytest.raises(StudyError, match="one setting alone"):
        trend_figure(alone)


def test_words_stand_side_by_side_in_the_place_of_an_order() -> None:
    frame = crossed(3, optimizer=["sgd", "adamw_torch", "lion"], dropout=[0.0, 0.1])
    better = frame.assign(nc4_agreement=frame["optimizer"].map({"sgd": 0.2, "lion": 0.3, "adamw_torch": 0.1}))
    figure = trend_figure(better, ["nc4_agreement"])
    by_number, by_word = panels(figure)
    assert by_number.get_xlabel() == "dropout"
    assert by_word.get_xlabel() == "optimizer"
    assert [text.get_text() for text in by_word.get_xticklabels()] == ["adamw_torch", "lion", "sgd"]
    assert by_word.get_title(loc="left") == "highest: lion\nin 6 of 6"
    (medians,) = [line for line in by_word.lines if line.get_marker() == "o"]
    assert medians.get_ydata().tolist() == pytest.approx([1, 3, 2])
    assert medians.get_linestyle() == "None"


def test_none_is_what_others_are_compared_with_and_a_weight_goes_with_its_loss() -> None:
    kinds = [("none", 0.0), ("cdnv", 0.1), ("cdnv", 1.0)]
    frames = [crossed(2).assign(added_loss=kind, added_weight=weight) for kind, weight in kinds]
    axes = panels(trend_figure(pd.concat(frames, ignore_index=True), ["nc4_agreement"]))[0]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["none", "cdnv x 0.1", "cdnv x 1"]


@pytest.mark.parametrize("name", ["nc3_cos_mean_centred", "nc1_trace_ratio"])
def test_what_is_not_positive_is_drawn_as_a_difference(name: str) -> None:
    frame = crossed(1, width=[32, 64, 128]).assign(**{name: [0.0, -0.5, 2.0]})
    axes = panels(trend_figure(frame, [name]))[0]
    assert axes.get_ylabel().startswith(f"{name}, difference")
    (line,) = [line for line in axes.lines if line.get_marker() == "o"]
    assert line.get_ydata().tolist() == [0, -0.5, 2]


@pytest.mark.slow
@pytest.mark.parametrize("table", [name for name in TABLES if has_trends(TABLES[name])])
def test_nothing_is_cut_off_or_covered(table: str) -> None:
    figure = trend_figure(TABLES[table])
    assert misplaced(figure) == []
    assert np.isfinite([axes.get_ylim() for axes in panels(figure)]).all()


def test_the_axes_are_all_that_vary() -> None:
    assert swept_axes(TABLES["three axes"]) == ["dropout", "learning_rate", "optimizer"]
