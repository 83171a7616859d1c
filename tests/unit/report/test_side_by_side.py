"""Several reports on a terminal, as many as its width holds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nc_hf import Trajectory
from nc_hf.report import MetricValue, Report, compare
from tests.reports import point, printed, with_metrics


class TestCompare:
    @pytest.mark.parametrize("width", [80, 120])
    def test_many_reports_fit_the_terminal(self, report: Report, width: int) -> None:
        reports = [with_metrics(report, nc1_cdnv=MetricValue(0.1 * n + 0.1234, 0.00012)) for n in range(7)]
        text = printed(compare(reports).to_table(), width)
        assert max(map(len, text.splitlines())) <= width
        for n in range(7):
            assert f"{0.1 * n + 0.1234:.5f} ± 0.00012" in text
        assert text.count("●") == 2  # the winner and the legend


def test_the_terminal_shows_every_value_where_they_fit_and_curves_where_not(course: Trajectory) -> None:
    few = printed(course.to_table(), 80)
    assert "step1000" in few
    assert "0.3333" in few
    assert "∞" in few
    assert "it has no weights" in few
    many = replace(course, points=[point(f"step{step}000", 9 - step / 20) for step in range(150)])
    text = printed(many.to_table(), 80)
    assert "step0000" in text
    assert "step149000" in text
    (loss,) = (line for line in text.splitlines() if line.strip().startswith("loss"))
    assert loss.split()[2] == "9.000"
    assert loss.split()[4] == "1.550"
    heights = ["▁▂▃▄▅▆▇█".index(bar) for bar in loss.split()[3]]
    assert heights == sorted(heights, reverse=True)
    assert (heights[0], heights[-1]) == (7, 0)
    assert max(map(len, text.splitlines())) <= 80


def test_the_terminal_shows_standard_errors_or_marks_values_that_they_exceed(course: Trajectory) -> None:
    last = course.points[1].report
    wild = replace(last, metrics={**last.metrics, "nc1_cdnv": MetricValue(2.107, 138.2)})

    def line(points: int, columns: int, begin: str) -> str:
        several = [replace(course.points[1], revision=f"step{step}", report=wild) for step in range(points)]
        text = printed(replace(course, points=several, failures=[]).to_table(), columns)
        return next(" ".join(line.split()) for line in text.splitlines() if line.strip().startswith(begin))

    assert line(2, 80, "nc1_cdnv ") == "nc1_cdnv ↓ 2 ± 140 2 ± 140"
    assert line(2, 80, "±") == "± one standard error"
    assert line(3, 70, "nc1_cdnv ") == "nc1_cdnv ↓ 2.107 ? 2.107 ? 2.107 ?"
    assert "?" not in line(3, 70, "nc2_cos_std ")
    assert line(3, 70, "?") == "? its standard error exceeds it"
    assert line(30, 80, "The standard") == "The standard error exceeds the value: nc1_cdnv at 30 of 30 revisions."
    assert line(30, 80, "Standard errors are left out")
