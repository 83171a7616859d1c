"""The records of several reports: what a trajectory says of its points."""

from __future__ import annotations

from dataclasses import replace

from nc_hf import Trajectory
from nc_hf.report import MetricValue, Report
from nc_hf.report.several import PointRecord, TrajectoryRecord
from nc_hf.report.trajectory import TrajectoryPoint
from tests.reports import printed, with_metrics


def test_metrics_are_those_of_any_point_in_the_order_of_the_reports(report: Report) -> None:
    first = with_metrics(report, nc1_cdnv=MetricValue(1.0), nc4_agreement=MetricValue(0.5))
    second = with_metrics(report, nc2_cos_std=MetricValue(0.25), nc1_cdnv=MetricValue(0.5))
    course = TrajectoryRecord("owner/model", [PointRecord("a", "0", first), PointRecord("b", "1", second)])
    assert course.metric_names == ["nc1_cdnv", "nc4_agreement", "nc2_cos_std"]
    assert course.values["b"] == {"loss": report.loss, "nc2_cos_std": 0.25, "nc1_cdnv": 0.5}
    assert course.warnings == ()
    other = PointRecord("c", "2", replace(first, tokens=1))
    (warning,) = replace(course, points=[*course.points, other]).warnings
    assert warning.startswith("the budget differs")


def test_one_point_or_none_cannot_disagree(report: Report) -> None:
    assert TrajectoryRecord("owner/model", []).warnings == ()
    assert TrajectoryRecord("owner/model", [PointRecord("a", "0", report)]).warnings == ()


def test_a_changed_copy_of_a_trajectory_is_a_trajectory(report: Report) -> None:
    course = Trajectory("owner/model", [TrajectoryPoint("step10", "0", report)])
    changed = replace(course, model="other")
    assert type(changed) is Trajectory
    assert changed.points[0].step == 10
    assert changed.points[0].report.to_csv() == report.to_csv()


def test_points_on_different_text_are_not_one_course(course: Trajectory) -> None:
    assert course.warnings == ()
    other = course.points[1].report
    strange = replace(other, corpus=replace(other.corpus, fingerprint="0" * 64))
    mixed = replace(course, points=[course.points[0], replace(course.points[1], report=strange)])
    assert "the text differs" in mixed.warnings[0]
    assert "Not comparable" in mixed.to_markdown()
    assert "Not comparable" in printed(mixed.to_table(), 80)
