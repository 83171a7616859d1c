"""A run in progress, from what its Trainer logged."""

from __future__ import annotations

import math
from typing import Any

import pytest

from nc_hf.errors import StudyError
from nc_hf.study.analysis.figures.training_log import training_figure
from tests.drawn import misplaced, panels, words
from tests.results import training_log

pytestmark = pytest.mark.filterwarnings("error")


def test_a_curve_for_the_loss_and_each_metric() -> None:
    figure = training_figure(training_log())
    drawn = panels(figure)
    assert [axes.get_ylabel().split("\n")[0] for axes in drawn] == ["evaluation loss", "nc1_cdnv", "nc4_agreement"]
    assert drawn[0].lines[0].get_xdata().tolist() == [0, 100, 200, 300, 400]
    assert drawn[0].lines[0].get_ydata().tolist() == pytest.approx([4, 3.8, 3.6, 3.4, 3.2])
    assert drawn[1].get_yscale() == "log"
    assert "holds no errors" in words(figure)
    assert misplaced(figure) == []
    assert len(panels(training_figure(training_log(), ["nc4_agreement"]))) == 2
    assert len(panels(training_figure(training_log(), ["core", "nc1_cdnv"]))) == 3


def test_zeros_and_infinities_are_drawn_as_far_as_they_can_be() -> None:
    log = training_log()
    for entry, value in zip([entry for entry in log if "eval_loss" in entry], (math.inf, 0, 1, 100, 5), strict=True):
        entry["eval_nc1_cdnv"] = value
    axes = panels(training_figure(log))[1]
    assert axes.get_yscale() == "symlog"
    assert axes.lines[0].get_ydata().tolist() == [0, 1, 100, 5]


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
