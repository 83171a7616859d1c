"""A model over its revisions on the page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("gradio")

from nc_hf.errors import CancelledError, InputError, ModelError
from nc_hf.report import Report
from nc_hf.report.trajectory import Trajectory
from nc_hf.runtime.progress import Progress
from nc_hf.space.course import course_requests, kept_course, run_course
from nc_hf.space.request import Request
from nc_hf.space.service import Result, Service
from nc_hf.space.settings import MAX_REVISIONS
from nc_hf.space.store import identify
from tests.hub.server import StandIn
from tests.kept_results import kept_result
from tests.reports import REFERENCE
from tests.space import request_for, settings_in

FILES = {"config.json": b"{}"}


def with_steps(hub: StandIn, *steps: int) -> None:
    """A repository with a tag a step, each of a commit of its own."""
    repository = hub.add("a/b", FILES)
    for step in steps:
        repository.tags[f"step{step}"] = repository.commit({"step": str(step).encode()}, title=f"step {step}")


class Measured:
    """A service that measures at once, and fails where it is told to."""

    def __init__(self, **faults: Exception) -> None:
        self.report = Report.load(REFERENCE)
        self.faults = faults

    def run(self, request: Request, token: str | bool) -> Iterator[Any]:
        yield Progress("measuring", 1, 2, 1.0)
        if fault := self.faults.get(str(request.revision)):
            raise fault
        model = replace(self.report.model, revision=request.revision, commit=f"commit of {request.revision}")
        yield Result("", request, replace(self.report, model=model), None, kept=False)  # type: ignore[arg-type]


def test_revisions_come_in_the_order_of_training(hub: StandIn, hub_home: Path) -> None:
    with_steps(hub, 1000, 0, 512)
    asked = request_for()
    names = [each.name for each in course_requests(asked, "step*", 1, False)]
    assert names == ["a/b@step0", "a/b@step512", "a/b@step1000"]
    assert [each.revision for each in course_requests(asked, "step*", 2.0, False)] == ["step0", "step1000"]
    assert [each.revision for each in course_requests(asked, "", 3, False)] == ["step0", "main"]


def test_more_than_a_course_takes_is_refused_with_what_would_do(hub: StandIn, hub_home: Path) -> None:
    with_steps(hub, *range(2 * MAX_REVISIONS + 1))
    with pytest.raises(InputError, match=r"81 revisions, and a course takes 40 at the most: .*every n-th to 3"):
        course_requests(request_for(), "step*", 1, False)
    assert len(course_requests(request_for(), "step*", 3, False)) <= MAX_REVISIONS


@pytest.mark.parametrize("every", [0, None, True, float("nan"), "2"])
def test_what_is_no_number_of_revisions_is_refused(every: object) -> None:
    with pytest.raises(InputError, match="whole number of 1 or more"):
        course_requests(request_for(), "all", every, False)


def test_a_model_that_names_a_revision_is_refused() -> None:
    with pytest.raises(InputError, match="names a revision"):
        course_requests(request_for("a/b@v1"), "all", 1, False)


def test_each_revision_is_measured_in_its_turn() -> None:
    requests = [request_for("a/b", name) for name in ("step1", "step2")]
    *steps, course = run_course(Measured(), requests, False)  # type: ignore[arg-type]
    assert [number for number, _ in steps] == [1, 2]  # type: ignore[misc]
    assert isinstance(course, Trajectory)
    assert [(point.revision, point.step) for point in course.points] == [("step1", 1), ("step2", 2)]
    assert all(point.report.token_table is None for point in course.points)


def test_one_that_cannot_be_measured_is_listed_and_the_others_go_on() -> None:
    requests = [request_for("a/b", name) for name in ("step1", "step2")]
    *_, course = run_course(Measured(step1=ModelError("No weights: choose another.")), requests, False)  # type: ignore[arg-type]
    assert isinstance(course, Trajectory)
    assert [point.revision for point in course.points] == ["step2"]
    assert [(each.revision, each.reason) for each in course.failures] == [("step1", "No weights: choose another.")]
    with pytest.raises(ModelError, match="No weights"):
        list(run_course(Measured(step1=ModelError("No weights"), step2=ModelError("Else")), requests, False))  # type: ignore[arg-type]
    with pytest.raises(CancelledError):
        list(run_course(Measured(step2=CancelledError("Cancelled.")), requests, False))  # type: ignore[arg-type]


def test_a_course_is_opened_only_if_all_of_it_is_kept(hub: StandIn, hub_home: Path, tmp_path: Path) -> None:
    with_steps(hub, 1, 2)
    service = Service(settings_in(tmp_path))
    requests = course_requests(request_for(), "step*", 1, False)
    for number, request in enumerate(requests):
        assert kept_course(service, requests, False) is None
        made = kept_result(Report.load(REFERENCE), number, model="a/b", revision=request.revision)
        service.store.keep(replace(made, request=request, key=identify(request, False).key))
    course = kept_course(service, requests, False)
    assert course is not None
    assert [point.revision for point in course.points] == ["step1", "step2"]
