"""What the page says of a course over revisions: how far it is, and the values of one of them; all text is escaped."""

from __future__ import annotations

from html import escape

from nc_hf.report.html import html_metrics
from nc_hf.report.trajectory import Trajectory
from nc_hf.report.verdict import verdict
from nc_hf.report.words import with_error
from nc_hf.runtime.progress import Progress
from nc_hf.space.html import progress
from nc_hf.space.queue import Waiting


def course_progress(number: int, total: int, name: str, step: Waiting | Progress) -> str:
    """Return how far all of it is, and below how far its part is whose turn it is."""
    part = min(1.0, step.done / step.total) if isinstance(step, Progress) and step.total else 0.0
    share = (number - 1 + (part if isinstance(step, Progress) and step.stage == "measuring" else 0.0)) / total
    words = f"Revision {number} of {total}"
    return (
        f"<div class='progress'><p>{escape(words)}: {escape(name)}</p>"
        f"<div role='progressbar' aria-valuemin='0' aria-valuemax='100' aria-valuenow='{share * 100:.0f}' "
        f"aria-label='{escape(words)}'><span style='width:{share:.1%}'></span></div></div>{progress(step)}"
    )


def course_notes(trajectory: Trajectory) -> str:
    """Return what stands in the way of reading it as one course, what was measured once, and what was not."""
    said = [f"Not comparable as they are: {warning}" for warning in trajectory.warnings]
    said += trajectory.repeats
    said += [f"{failure.revision} was not measured: {failure.reason}" for failure in trajectory.failures]
    return "".join(f"<p class='caution'>{escape(each)}</p>" for each in said)


def revision_values(trajectory: Trajectory, chosen: int) -> str:
    """Return name, verdict, loss and metrics of one revision."""
    point = trajectory.points[chosen]
    said = verdict(point.report)
    loss = with_error(point.report.outcome("loss"))
    return (
        f"<section aria-label='One revision'><h2>{escape(point.revision)}</h2>"
        f"<p class='legend'>{escape(point.commit[:7])} · {escape(said.title)} · loss {escape(loss)} nats a token</p>"
        f"{html_metrics(point.report)}</section>"
    )
