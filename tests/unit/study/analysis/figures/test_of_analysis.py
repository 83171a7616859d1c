"""An analysis draws what it has."""

from __future__ import annotations

import pandas as pd
import pytest

from nc_hf.study.analysis.analyze import analyze
from nc_hf.study.analysis.figures.of_analysis import analysis_figures
from nc_hf.study.analysis.results import trained
from tests.drawn import misplaced, panels, titles
from tests.figure_tables import TABLES
from tests.results import small_study

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return small_study()


def test_the_metrics_that_were_asked_for_are_drawn(frame: pd.DataFrame) -> None:
    drawn = analysis_figures(analyze(frame, ["core"], resamples=0))
    assert [axes.get_ylabel().split("\n")[0] for axes in panels(drawn["loss"])[:-1]] == ["nc4_agreement"]
    assert len(panels(drawn["trends"])) == 3


@pytest.mark.slow
def test_an_analysis_draws_what_it_has(frame: pd.DataFrame) -> None:
    assert set(analysis_figures(analyze(frame, resamples=0))) == {"loss", "trends", "seeds"}
    alone = frame[(frame["seed"] == 0) & (frame["depth"] == 1) & (frame["epochs"] == 1)]
    assert set(analysis_figures(analyze(alone, resamples=0))) == {"loss", "trends"}


@pytest.mark.slow
def test_states_of_runs_make_a_course_that_starts_at_initialisation() -> None:
    frame = TABLES["added losses"]
    found = analyze(trained(frame), ["nc4_agreement"], resamples=0)
    drawn = analysis_figures(found, frame)
    assert set(drawn) == {"loss", "trends", "course", "matched", "seeds"}
    assert panels(drawn["course"])[0].containers[0].lines[0].get_xdata()[0] == 0
    assert [misplaced(figure) for figure in drawn.values()] == [[]] * len(drawn)


@pytest.mark.slow
def test_intervals_are_those_of_the_analysis(frame: pd.DataFrame) -> None:
    found = analyze(frame, ["nc4_agreement"], cluster="run", resamples=0)
    row = found.correlations.loc["nc4_agreement"]
    shown = f"[{row['r2_low']:.2f}, {row['r2_high']:.2f}]"
    assert shown in titles(analysis_figures(found)["loss"])[0]
    assert shown not in titles(analysis_figures(analyze(frame, ["nc4_agreement"], resamples=0))["loss"])[0]
