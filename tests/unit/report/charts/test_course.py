"""A model's course over its saved states as a picture."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

from nc_hf.report import MetricValue, Report
from nc_hf.report.charts.course import LOSS, course_chart, course_text
from nc_hf.report.trajectory import Trajectory, TrajectoryPoint
from tests.kept_results import kept_result
from tests.reports import REFERENCE

METRIC = "nc1_trace_ratio"


def course(*names: str) -> Trajectory:
    """A course whose values fall from point to point."""
    report = Report.load(REFERENCE)
    points = [
        TrajectoryPoint(
            name, f"{place:040x}", kept_result(report, place, revision=name, nc1_trace_ratio=4.0 / 2**place).report
        )
        for place, name in enumerate(names)
    ]
    return Trajectory("a/b", points)


def test_a_point_is_a_revision_at_its_step_with_its_error() -> None:
    spec = course_chart(course("step0", "step10", "step2k"), METRIC, chosen=1)
    rows = spec["data"]["values"]
    assert [row["place"] for row in rows] == [0, 10, 2_000]
    assert [row["value"] for row in rows] == [4.0, 2.0, 1.0]
    assert rows[1]["high"] - rows[1]["low"] == pytest.approx(2 * 0.02)
    assert [row["chosen"] for row in rows] == [False, True, False]
    assert rows[0]["shown"] == "4.00 ± 0.040"
    json.dumps(spec, allow_nan=False)


def test_the_loss_is_drawn_alike() -> None:
    followed = course("step1", "step2")
    spec = course_chart(followed, LOSS)
    assert [row["value"] for row in spec["data"]["values"]] == [point.report.loss for point in followed.points]
    assert spec["layer"][0]["encoding"]["y"]["axis"]["title"] == "loss, nats a token"


def test_what_tells_no_step_is_left_out_unless_none_does() -> None:
    assert [row["revision"] for row in course_chart(course("step1", "main"), METRIC)["data"]["values"]] == ["step1"]
    spec = course_chart(course("early", "main"), METRIC)
    assert [row["place"] for row in spec["data"]["values"]] == ["early", "main"]
    assert spec["encoding"]["x"]["sort"] == ["early", "main"]


def test_steps_over_decades_have_room_for_step_zero() -> None:
    x = course_chart(course("step0", "step1", "step10", "step100", "step1000"), METRIC)["encoding"]["x"]
    assert x["scale"]["type"] == "symlog"
    assert x["axis"]["values"] == [0, 1, 10, 100, 1_000]
    near = course_chart(course("step1000", "step2000", "step3000", "step4000"), METRIC)["encoding"]["x"]
    assert near["scale"].get("type") is None


def test_who_does_not_see_it_is_told() -> None:
    followed = course("step0", "step10")
    told = course_text(followed, METRIC)
    assert "4.000 ± 0.040 at step0, 2.000 ± 0.020 at step10; lowest 2.000 ± 0.020 at step10" in told
    undefined = [
        replace(point, report=replace(point.report, metrics={METRIC: MetricValue(math.nan)}))
        for point in followed.points
    ]
    assert course_text(Trajectory("a/b", undefined), METRIC) == f"{METRIC} was not measured."
    assert course_chart(Trajectory("a/b", undefined), METRIC)["data"]["values"] == []
