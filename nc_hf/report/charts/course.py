"""A model over its saved states: the loss, or a metric with its errors, against the step of training."""

from __future__ import annotations

import math

from nc_hf.report.charts.marks import MARKS, Spec, hovered, value_axis
from nc_hf.report.record import MetricValue
from nc_hf.report.several import PointRecord, TrajectoryRecord
from nc_hf.report.words import ARROWS, direction, title, with_error

LOSS = "loss"
_DECADES = 50.0  # from which spread on steps stand on a scale that is logarithmic beyond the first


def course_chart(trajectory: TrajectoryRecord, name: str, chosen: int | None = None) -> Spec:
    """Return the course of one metric, or of the loss, with a band of one standard error.

    States whose names tell no step are left out, unless none does: then they stand by name, in their order.

    Args:
        trajectory: of one point or more.
        name: of a metric, or ``loss``.
        chosen: place of the point to mark; None for none.
    """
    by_step = any(point.step is not None for point in trajectory.points)
    rows: list[Spec] = [
        {
            "revision": point.revision,
            "place": point.step if by_step else point.revision,
            "value": value.value,
            "low": value.value - (value.stderr or 0.0),
            "high": value.value + (value.stderr or 0.0),
            "shown": hovered(value),
            "chosen": index == chosen,
        }
        for index, point in enumerate(trajectory.points)
        if (value := _value(point, name)) is not None and (point.step is not None or not by_step)
    ]
    heading = f"{name}, nats a token" if name == LOSS else f"{name} {ARROWS[direction(name)]}"
    y = {"type": "quantitative", **value_axis(heading, [row["value"] for row in rows])}
    x = _steps([row["place"] for row in rows]) if by_step else _names(trajectory)
    colour = MARKS[1 if name == LOSS else 0].colour
    hover = [{"field": "revision", "title": "revision"}, {"field": "shown", "title": name}]
    return {
        "width": "container",
        "height": 200,
        "data": {"values": rows},
        "encoding": {"x": {"field": "place", **x}},
        "layer": [
            {
                "mark": {"type": "area", "color": colour, "opacity": 0.25, "clip": True},
                "encoding": {"y": {**y, "field": "low"}, "y2": {"field": "high"}},
            },
            {"mark": {"type": "line", "color": colour}, "encoding": {"y": {**y, "field": "value"}}},
            {
                "mark": {"type": "point", "color": colour, "filled": True, "size": 55, "opacity": 1},
                "encoding": {"y": {**y, "field": "value"}, "tooltip": hover},
            },
            {
                "transform": [{"filter": "datum.chosen"}],
                "mark": {"type": "point", "color": colour, "size": 260, "strokeWidth": 2},
                "encoding": {"y": {**y, "field": "value"}, "tooltip": hover},
            },
        ],
    }


def course_text(trajectory: TrajectoryRecord, name: str) -> str:
    """Say what `course_chart` shows, for who does not see it: where it begins, where it ends, and its range."""
    known = [(point.revision, value) for point in trajectory.points if (value := _value(point, name)) is not None]
    if not known:
        return f"{name} was not measured."
    (first, begins), (last, ends) = known[0], known[-1]
    low, high = min(known, key=lambda each: each[1].value), max(known, key=lambda each: each[1].value)
    return (
        f"{title(name) or name} ({name}) over {len(known)} revisions: {with_error(begins)} at {first}, "
        f"{with_error(ends)} at {last}; lowest {with_error(low[1])} at {low[0]}, highest {with_error(high[1])} at "
        f"{high[0]}."
    )


def _value(point: PointRecord, name: str) -> MetricValue | None:
    """Return a value that is a number, with its error."""
    value = point.report.outcome("loss") if name == LOSS else point.report.metrics.get(name)
    return value if value is not None and math.isfinite(value.value) else None


def _steps(steps: list[int]) -> Spec:
    positive = [step for step in steps if step > 0]
    wide = len(positive) > 3 and max(positive) / min(positive) > _DECADES
    scale = {"type": "symlog", "constant": min(positive)} if wide else {"zero": False, "padding": 8}
    axis: Spec = {"title": "training step", "labelExpr": "format(datum.value, '~s')", "tickCount": 5, "grid": False}
    if wide:
        powers = range(math.ceil(math.log10(min(positive))), math.floor(math.log10(max(positive))) + 1)
        axis["values"] = [*([0] if 0 in steps else []), *(10**power for power in powers)]
    return {"type": "quantitative", "scale": scale, "axis": axis}


def _names(trajectory: TrajectoryRecord) -> Spec:
    order = [point.revision for point in trajectory.points]
    axis = {"title": "revision", "labelAngle": -45, "labelOverlap": True, "labelLimit": 120}
    return {"type": "ordinal", "sort": order, "axis": axis}
