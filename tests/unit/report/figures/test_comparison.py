"""The figure of a comparison: values, errors, and what is not comparable."""

from __future__ import annotations

from dataclasses import replace

from matplotlib.colors import to_rgb

from nc_hf.report import MetricValue, Report
from nc_hf.report.figures import comparison_figure
from nc_hf.report.figures.style import LIGHT
from tests.drawn import panel, words


class TestComparison:
    def test_dots_lie_at_the_values_with_their_errors(self, report: Report) -> None:
        other = replace(report, metrics={**report.metrics, "nc1_cdnv": MetricValue(0.5, 0.25)})
        axes = panel(comparison_figure([report, other]), "nc1_cdnv", "x")
        dots = [line for line in axes.lines if line.get_marker() in "os"]
        assert [line.get_xdata()[0] for line in dots] == [report.metrics["nc1_cdnv"].value, 0.5]
        (_, bar) = axes.collections[0].get_segments()
        assert bar[:, 0].tolist() == [0.25, 0.75]
        filled = [to_rgb(line.get_markerfacecolor()) != to_rgb(LIGHT.paper) for line in dots]
        assert filled == [False, True]

    def test_metric_of_one_report_alone_has_no_panel(self, report: Report) -> None:
        figure = comparison_figure([report, replace(report, metrics={"nc1_cdnv": MetricValue(1.0)})])
        assert [axes.get_xlabel().split("\n")[0] for axes in figure.axes if axes.get_visible()] == ["nc1_cdnv"]

    def test_what_is_not_comparable_is_marked(self, report: Report) -> None:
        assert "not comparable" not in words(comparison_figure([report, report]))
        assert "not comparable as they are" in words(comparison_figure([report, replace(report, tokens=7)]))
