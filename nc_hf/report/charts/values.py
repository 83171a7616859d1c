"""A metric in several places (layers, steps, models) as rows and marks: points, their intervals, and a line."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from nc_hf.report.axes import wants_log
from nc_hf.report.charts.style import Spec, heading_of, hover, mark, panel, quantity
from nc_hf.report.intervals import interval, spoken
from nc_hf.report.record import MetricValue

INTERVALS = "Bars: 95 % intervals."
MARGIN = 8
"""Pixels between the edge of a panel and what stands nearest to it."""
_DECADES = 20.0
"""Largest over smallest value from which an axis is logarithmic."""


def value_row(name: str, metric: MetricValue, groups: int) -> Spec | None:
    """Return a value with both ends of its interval, which are the value itself where no error is known.

    None where the value is no number: a chart leaves it out.
    """
    if not math.isfinite(metric.value):
        return None
    ends = interval(name, metric, groups)
    low, high = ends or (metric.value, metric.value)
    return {"value": metric.value, "low": low, "high": high, "interval": spoken(metric, ends) if ends else "not known"}


def curve_panel(name: str, rows: Sequence[Spec], x: Spec, place: str, heading: str = "") -> Spec:
    """Return a panel with a curve through values, each with its interval.

    Args:
        name: of the metric, or ``loss``.
        rows: as ``value_row`` makes them, with the field of ``x``.
        x: the position.
        place: the field of a row that names its place, for the hover.
        heading: above the panel; empty for the name of the metric.
    """
    log = wants_log(name, [row["value"] for row in rows], _DECADES)
    shown = [within(row, rows) for row in rows] if log else list(rows)
    y = quantity("value", log=log)
    y["scale"] = {**y["scale"], "padding": MARGIN}
    tip = hover([(place, place), ("interval", "95 % interval")], [("value", name)])
    error = {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}}
    layers = [
        {"mark": mark("rule", "error"), "encoding": error},
        {"mark": mark("line", "curve"), "encoding": {"x": x, "y": y}},
        {"mark": mark("point", "mine", filled=True, size=50), "encoding": {"x": x, "y": y, "tooltip": tip}},
    ]
    first, last = rows[0], rows[-1]
    said = f"{name} goes from {first['value']:.3g} at {first[place]} to {last['value']:.3g} at {last[place]}."
    return panel(heading or heading_of(name), said, shown, layers)


def within(row: Spec, rows: Iterable[Spec]) -> Spec:
    """Return a row whose interval can stand on a log axis: one that reaches 0 goes on to half the least value."""
    floor = min(each["value"] for each in rows) / 2
    return {**row, "low": max(row["low"], min(floor, row["value"]))}


def metric_names(several: Iterable[Mapping[str, MetricValue]]) -> list[str]:
    """Return the metrics that any of them has, in the order in which they come."""
    return list(dict.fromkeys(name for metrics in several for name in metrics))
