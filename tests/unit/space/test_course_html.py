"""What the page says of a course over revisions."""

from __future__ import annotations

import re

import pytest

from nc_hf.report import Report
from nc_hf.report.several import TrajectoryFailure
from nc_hf.report.trajectory import Trajectory, TrajectoryPoint
from nc_hf.report.words import with_error
from nc_hf.runtime.progress import Progress
from nc_hf.space.course_html import course_notes, course_progress, revision_values
from nc_hf.space.queue import Waiting
from tests.kept_results import kept_result
from tests.reports import REFERENCE

EVIL = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def course() -> Trajectory:
    report = Report.load(REFERENCE)
    points = [
        TrajectoryPoint(name, f"{place:040x}", kept_result(report, place, nc1_trace_ratio=1.0 + place).report)
        for place, name in enumerate(("step1", EVIL))
    ]
    return Trajectory("a/b", points, [TrajectoryFailure("step3", "", EVIL)])


@pytest.mark.parametrize(
    ("number", "step", "share"),
    [
        (1, Waiting(2), "0"),
        (1, Progress("measuring", 50, 100, 1.0), "12"),
        (3, Progress("downloading", 50, 100, 1.0), "50"),
        (4, Progress("measuring", 100, 100, 1.0), "100"),
    ],
)
def test_the_whole_moves_with_its_parts(number: int, step: Waiting | Progress, share: str) -> None:
    html = course_progress(number, 4, "a/b@step1", step)
    assert f"Revision {number} of 4: a/b@step1" in html
    found = re.search(r"aria-valuenow='(\d+)' aria-label='Revision", html)
    assert found is not None
    assert found[1] == share


def test_the_values_are_those_of_the_chosen_revision(course: Trajectory) -> None:
    for place in (0, 1):
        html = revision_values(course, place)
        value, _, error = with_error(course.points[place].report.metrics["nc1_trace_ratio"]).partition(" ")
        assert f"<b>{value}</b> <i>{error}</i>" in html


def test_what_was_not_measured_is_said_and_markup_not_obeyed(course: Trajectory) -> None:
    notes = course_notes(course)
    assert "step3 was not measured: &lt;script" in notes
    for html in (notes, revision_values(course, 1)):
        assert "<script" not in html
