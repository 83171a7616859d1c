"""A model over its revisions on the page: which are meant, and their reports as one course."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from nc_hf.errors import InputError, NCError
from nc_hf.hub import list_revisions
from nc_hf.measurement.trajectory import OF_ONE_REVISION
from nc_hf.report.several import TrajectoryFailure
from nc_hf.report.trajectory import Trajectory, TrajectoryPoint
from nc_hf.runtime.progress import Progress
from nc_hf.space.queue import Waiting
from nc_hf.space.settings import MAX_REVISIONS, check_texts

if TYPE_CHECKING:
    from nc_hf.report import Report
    from nc_hf.space.request import Request
    from nc_hf.space.service import Service


def course_requests(asked: Request, revisions: str, every: object, token: str | bool) -> list[Request]:
    """Return a request for each revision that is meant, in the order of training.

    Args:
        asked: for the model; its own revision must be none.
        revisions: ``all``, a glob such as ``step*``, or names with commas between.
        every: the first of them and every n-th after it.
        token: the visitor's own, or False.

    Raises:
        InputError: the model names a revision, ``every`` is no number, or more are meant than one course takes.
        HubError: the Hub does not list them, or none is meant.
    """
    check_texts(revisions=revisions)
    if asked.revision:
        raise InputError(f"{asked.name} names a revision: give the id alone, and the revisions apart.")
    if isinstance(every, bool) or not isinstance(every, int | float) or not 1 <= every < math.inf:
        raise InputError("Every n-th revision is taken: write a whole number of 1 or more.")
    found = list_revisions(asked.model, revisions.strip() or "all", every=int(every), token=token)
    if len(found) > MAX_REVISIONS:
        enough = int(every) * math.ceil(len(found) / MAX_REVISIONS)
        raise InputError(
            f"These are {len(found)} revisions, and a course takes {MAX_REVISIONS} at the most: write a narrower "
            f"pattern, or set every n-th to {enough}."
        )
    return [replace(asked, revision=revision.name) for revision in found]


def run_course(
    service: Service, requests: Sequence[Request], token: str | bool
) -> Iterator[tuple[int, Waiting | Progress] | Trajectory]:
    """Yield the number of the revision whose turn it is, from 1, with its step; and at the end the course.

    What is kept is not measured again. A revision that cannot be measured is listed among the failures, and the others
    go on.

    Raises:
        NCError: nothing could be measured, for the reason of the first; or what stands in the way of all.
    """
    points: list[TrajectoryPoint] = []
    failures: list[TrajectoryFailure] = []
    reasons: list[NCError] = []
    for number, request in enumerate(requests, start=1):
        try:
            for step in service.run(request, token):
                if isinstance(step, Waiting | Progress):
                    yield number, step
                else:
                    points.append(_point(step.report, points))
        except OF_ONE_REVISION as fault:
            reasons.append(fault)
            failures.append(TrajectoryFailure(str(request.revision), "", fault.told()))
    if not points:
        raise reasons[0]
    yield Trajectory(requests[0].model, points, failures)


def kept_course(service: Service, requests: Sequence[Request], token: str | bool) -> Trajectory | None:
    """Return the course if the result of every revision is kept.

    Raises:
        HubError: the visitor may not read the model or the text, or the Hub is out of reach.
    """
    points: list[TrajectoryPoint] = []
    for request in requests:
        result = service.find(request, token)
        if result is None:
            return None
        points.append(_point(result.report, points))
    return Trajectory(requests[0].model, points)


def _point(report: Report, before: Sequence[TrajectoryPoint]) -> TrajectoryPoint:
    """Return a point without the table of single tokens, which would make a long course large."""
    name, commit = str(report.model.revision), str(report.model.commit)
    same_as = next((each.revision for each in before if each.commit == commit), None)
    return TrajectoryPoint(name, commit, replace(report, token_table=None), same_as)
