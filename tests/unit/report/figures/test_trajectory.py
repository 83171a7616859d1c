"""The curves of a trajectory: values, errors, and the order of states."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nc_hf import Trajectory
from nc_hf.errors import InputError
from nc_hf.report import MetricValue, Report
from nc_hf.report.figures import trajectory_figure
from nc_hf.report.names import shortened
from tests.drawn import panel, trajectory, words
from tests.reports import point


class TestTrajectory:
    def test_curve_follows_the_values_over_the_steps(self, report: Report) -> None:
        figure = trajectory_figure(trajectory(report, ["step1000", "step2000", "step3000"]))
        assert list(panel(figure, "nc1_cdnv").lines[0].get_xdata()) == [1000, 2000, 3000]
        assert list(panel(figure, "nc1_cdnv").lines[0].get_ydata()) == [1, 1 / 2, 1 / 3]
        assert panel(figure, "loss").lines[0].get_ydata()[-1] == pytest.approx(1 + 2 / 3)
        assert len([axes for axes in figure.axes if axes.get_visible()]) == 1 + len(report.metrics)

    def test_band_is_one_standard_error(self, report: Report) -> None:
        axes = panel(trajectory_figure(trajectory(report, ["step1", "step2"])), "nc1_cdnv")
        corners = axes.collections[0].get_paths()[0].vertices
        assert corners[:, 1].max() == pytest.approx(1.01)
        assert corners[:, 1].min() == pytest.approx(0.49)

    @pytest.mark.parametrize(("name", "lowest"), [("nc1_cdnv", 0.0), ("nc4_agreement", 0.0), ("gnc2_log_mean", -0.5)])
    def test_band_ends_where_a_quantity_does(self, report: Report, name: str, lowest: float) -> None:
        course = trajectory(report, ["step1", "step2"])
        points = [
            replace(each, report=replace(each.report, metrics={name: MetricValue(0.5, 1.0)})) for each in course.points
        ]
        axes = panel(trajectory_figure(replace(course, points=points)), name)
        heights = axes.collections[0].get_paths()[0].vertices[:, 1]
        assert (heights.min(), heights.max()) == (lowest, 1.5)

    def test_steps_over_decades_are_logarithmic_and_keep_zero(self, report: Report) -> None:
        steps = [0, 1, 10, 100, 1000]
        axes = panel(trajectory_figure(trajectory(report, [f"step{step}" for step in steps])), "nc4_agreement")
        assert axes.get_xscale() == "symlog"
        assert axes.get_xlim()[0] <= 0 < 1000 <= axes.get_xlim()[1]

    def test_names_without_steps_stand_in_order(self, report: Report) -> None:
        figure = trajectory_figure(trajectory(report, ["early", "late", "main"]))
        assert list(panel(figure, "nc1_cdnv").lines[0].get_xdata()) == [0, 1, 2]
        assert [tick.get_text() for tick in figure.axes[len(report.metrics)].get_xticklabels()] == [
            "early",
            "late",
            "main",
        ]

    @pytest.mark.parametrize(
        "names",
        [
            ["stage1-step1000-tokens4B", "stage1-step9000-tokens38B", "stage2-ingredient1-step1000-tokens5B", "main"],
            ["step1000", "step-1k", "step2000"],
            ["step3000", "step2000", "step1000"],
        ],
    )
    def test_steps_that_do_not_increase_stand_in_the_order_of_the_list(self, report: Report, names: list[str]) -> None:
        """The steps of a second stage begin anew; sorted by them, the stages would be mixed."""
        figure = trajectory_figure(trajectory(report, names))
        curve = panel(figure, "nc1_cdnv").lines[0]
        assert list(curve.get_xdata()) == list(range(len(names)))
        assert list(curve.get_ydata()) == [1 / (place + 1) for place in range(len(names))]
        labels = [tick.get_text() for tick in figure.axes[len(report.metrics)].get_xticklabels()]
        assert labels == [shortened(name, 24) for name in names]
        assert "not shown" not in words(figure)

    def test_a_name_without_a_step_among_steps_is_said_to_be_left_out(self, report: Report) -> None:
        figure = trajectory_figure(trajectory(report, ["step1", "step2", "main"]))
        assert list(panel(figure, "nc1_cdnv").lines[0].get_xdata()) == [1, 2]
        assert "not shown, for their names tell no step: main" in words(figure)

    def test_takes_two_states(self, report: Report) -> None:
        with pytest.raises(InputError, match="two saved states or more, not 1"):
            trajectory_figure(trajectory(report, ["main"]))


def test_one_error_beyond_measure_does_not_flatten_the_course(course: Trajectory) -> None:
    points = [point(f"step{step}", 6.0 - step, nc2_cos_std=0.5 - step / 100) for step in range(5)]
    wild = points[2].report
    metrics = {**wild.metrics, "nc2_cos_std": MetricValue(0.48, 140.0)}
    points[2] = replace(points[2], report=replace(wild, metrics=metrics))
    figure = trajectory_figure(replace(course, points=points))
    (axes,) = (axes for axes in figure.axes if axes.get_ylabel().startswith("nc2_cos_std"))
    low, high = axes.get_ylim()
    room = 3 * 0.049  # three times the median error
    assert (low, high) == (pytest.approx(0.46 - room, abs=1e-3), pytest.approx(0.5 + room, abs=1e-3))
