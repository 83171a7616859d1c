"""The figures of a study say what its tables say."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nc_hf.errors import StudyError
from nc_hf.study.analysis.analyze import analyze
from nc_hf.study.analysis.figures import analysis_figures, seed_figure, training_figure, trend_figure
from nc_hf.study.analysis.seeds import seed_test
from tests.results import SEEDS, small_study, training_log


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return small_study()


def visible(figure: Figure) -> list[Axes]:
    return [axes for axes in figure.axes if axes.get_visible()]


def titles(figure: Figure) -> list[str]:
    return [axes.get_title(loc="left") for axes in visible(figure)]


def test_trends_count_their_groups(frame: pd.DataFrame) -> None:
    figure = trend_figure(frame)
    assert len(visible(figure)) == 4 * 3
    assert titles(figure)[:3] == ["falls in 4 of 4", "falls in 6 of 6", "falls in 6 of 6"]
    assert titles(figure)[9:] == ["rises in 4 of 4", "rises in 6 of 6", "rises in 6 of 6"]
    first = visible(figure)[0]
    assert all(line.get_ydata()[0] == 1 for line in first.lines)
    assert list(first.get_xticks()) == [64, 128, 256]


def test_trends_from_initialisation_start_at_zero(frame: pd.DataFrame) -> None:
    initial = frame.assign(saved_epoch=-1, trained_epochs=0, nc1_cdnv=100.0, val_loss=8.0)
    last = visible(trend_figure(pd.concat([frame, initial]), ["nc1_cdnv"]))[-1]
    assert last.get_xscale() == "linear"
    assert last.get_xticks()[0] == 0


def test_crowded_ticks_go_without_numbers(frame: pd.DataFrame) -> None:
    wide = frame.assign(width=frame["width"].map({64: 64, 128: 1000, 256: 1024}))
    figure = trend_figure(wide, ["nc1_cdnv"])
    assert [text.get_text() for text in visible(figure)[0].get_xticklabels()] == ["64", "", "1024"]


def test_no_trend_without_a_second_setting(frame: pd.DataFrame) -> None:
    with pytest.raises(StudyError, match="one setting alone"):
        trend_figure(frame[frame["seed"] > 0])


def test_the_seed_panel_gives_the_tests(frame: pd.DataFrame) -> None:
    cell = frame[(frame["width"] == 64) & (frame["depth"] == 1) & (frame["epochs"] == 1)]
    test = seed_test(cell)
    *panels, tests = visible(seed_figure(cell, test))
    assert len(panels) == len(test)
    first = test.loc["nc4_agreement"]  # the one of Table 1
    assert panels[0].get_title(loc="left") == f"$R^2$ = {first['r2']:.3f}   p = {first['p']:.2g}"
    assert tests.get_title(loc="left") == f"{SEEDS} seeds, {len(test)} tests"


def test_a_curve_for_the_loss_and_each_metric() -> None:
    panels = visible(training_figure(training_log()))
    assert [axes.get_ylabel().split("\n")[0] for axes in panels] == ["evaluation loss", "nc1_cdnv", "nc4_agreement"]
    assert panels[0].lines[0].get_xdata().tolist() == [0, 100, 200, 300, 400]
    assert panels[0].lines[0].get_ydata().tolist() == pytest.approx([4, 3.8, 3.6, 3.4, 3.2])
    assert panels[1].get_yscale() == "log"
    assert len(visible(training_figure(training_log(), ["nc4_agreement"]))) == 2
    assert len(visible(training_figure(training_log(), ["core", "nc1_cdnv"]))) == 3


@pytest.mark.parametrize(
    ("history", "metrics", "message"),
    [
        ([], None, "holds no evaluation"),
        ([{"loss": 1.0, "step": 1}], None, "holds no evaluation"),
        ([{"eval_loss": 1.0, "step": 1}], None, "holds no metric"),
        (training_log(), ["nc2_cos_std"], "holds no nc2_cos_std"),
    ],
)
def test_logs_without_a_curve(history: list[dict[str, Any]], metrics: list[str] | None, message: str) -> None:
    with pytest.raises(StudyError, match=message):
        training_figure(history, metrics)


def test_the_metrics_that_were_asked_for_are_drawn(frame: pd.DataFrame) -> None:
    drawn = analysis_figures(analyze(frame, ["core"], resamples=0))
    assert [axes.get_ylabel().split("\n")[0] for axes in visible(drawn["loss"])[:-1]] == ["nc4_agreement"]
    assert len(visible(drawn["trends"])) == 3


def test_an_analysis_draws_what_it_has(frame: pd.DataFrame) -> None:
    assert set(analysis_figures(analyze(frame, resamples=0))) == {"loss", "trends", "seeds"}
    alone = frame[(frame["seed"] == 0) & (frame["depth"] == 1) & (frame["epochs"] == 1)]
    assert set(analysis_figures(analyze(alone, resamples=0))) == {"loss", "trends"}
