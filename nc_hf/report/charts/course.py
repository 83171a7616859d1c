"""The course of a model over its saved states: the loss, and every metric."""

from __future__ import annotations

from itertools import pairwise

from nc_hf.report.charts.style import Chart, Spec, ending, quantity
from nc_hf.report.charts.values import INTERVALS, curve_panel, value_row
from nc_hf.report.intervals import groups_of
from nc_hf.report.several import PointRecord, TrajectoryRecord


def course_chart(trajectory: TrajectoryRecord) -> Chart:
    """Draw the loss and every metric over the states; without panels where there are fewer than two.

    The axis is the step of training where every name that tells one is above the one before; states whose names tell
    none are then left out and named. Otherwise it is the order of the states.
    """
    title = f"{trajectory.model} over training"
    points = list(trajectory.points)
    if len(points) < 2:
        return Chart("course", title, "A course takes two saved states or more.")
    stepped = steps_of(points)
    shown = stepped or points
    note = " ".join([INTERVALS, *trajectory.warnings])
    if left_out := [point.revision for point in points if point not in shown]:
        note += f" Not shown, for their names tell no step: {', '.join(left_out)}."
    names = ["loss", *trajectory.metric_names]
    panels = (_panel(name, shown, by_step=bool(stepped)) for name in names)
    return Chart("course", title, note, tuple(found for found in panels if found is not None))


def steps_of(points: list[PointRecord]) -> list[PointRecord]:
    """Return the states whose names tell a step, if each is above the one before; none where steps begin anew."""
    stepped = [point for point in points if point.step is not None]
    rising = all((before.step or 0) < (after.step or 0) for before, after in pairwise(stepped))
    return stepped if len(stepped) > 1 and rising else []


def _panel(name: str, points: list[PointRecord], *, by_step: bool) -> Spec | None:
    rows: list[Spec] = []
    for point in points:
        metric = point.report.outcome("loss") if name == "loss" else point.report.metrics.get(name)
        row = None if metric is None else value_row(name, metric, groups_of(point.report))
        rows += [{"revision": point.revision, "step": point.step, **row}] if row else []
    if len(rows) < 2:
        return None
    return curve_panel(name, rows, _x(points, by_step), "revision", "loss, nats a token" if name == "loss" else "")


def _x(points: list[PointRecord], by_step: bool) -> Spec:
    """Return the axis; steps spread over decades stand on one that is linear up to the first of them."""
    if not by_step:
        order = [point.revision for point in points]
        axis = {"labelAngle": -45, "labelLimit": 130, "labelExpr": ending(14), "labelOverlap": "greedy"}
        return {"field": "revision", "type": "ordinal", "sort": order, "title": "revision", "axis": axis}
    positive = [point.step for point in points if point.step]
    x = quantity("step", "training step", axis={"labelExpr": "format(datum.value, '~s')"})
    if len(positive) > 3 and positive[-1] / positive[0] > 50:
        x["scale"] = {"type": "symlog", "constant": positive[0]}
        x["axis"] |= {"labelOverlap": "greedy", "values": [0, *_powers(positive[0], positive[-1])]}
    return x


def _powers(low: int, high: int) -> list[int]:
    """Return the powers of ten from ``low`` to ``high``."""
    return [10**power for power in range(len(str(high))) if low <= 10**power <= high]
