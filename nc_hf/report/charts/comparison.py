"""Compared models: one metric with its errors, and the scatter by class frequency."""

from __future__ import annotations

import math
from collections.abc import Sequence

from nc_hf.metrics.table import METRICS
from nc_hf.report.charts.marks import Spec, by_model, hovered, value_axis
from nc_hf.report.record import MetricValue, ReportRecord
from nc_hf.report.several import ComparedMetric, ComparisonRecord
from nc_hf.report.words import ARROWS, direction, number, title, with_error

SCATTER = "nc1_trace_ratio"
_ROW = 46  # pixels a model, its name above its value, so that long names fit a narrow page


def comparison_chart(comparison: ComparisonRecord, metric: str) -> Spec:
    """Return one metric of every report that has it, each with its standard error, in the order of the comparison.

    The most collapsed is named only where the comparison names one.

    Args:
        comparison: of two reports or more.
        metric: the name of one of its metrics.
    """
    compared = _named(comparison, metric)
    rows = [
        {
            "model": name,
            "said": name + _distinction(compared, index),
            "value": value.value,
            "low": value.value - (value.stderr or 0.0),
            "high": value.value + (value.stderr or 0.0),
            "shown": hovered(value),
        }
        for index, name, value in _measured(comparison, compared)
    ]
    axis = {"title": f"{metric} {ARROWS[direction(metric)]}, bars: ± one standard error", "tickCount": 5}
    place = {"field": "model", "type": "nominal", "sort": list(comparison.names), "axis": None}
    x = {"type": "quantitative", "scale": {"zero": False, "nice": True, "padding": 12}}
    marks = by_model(comparison.names, legend=False)
    hover = [{"field": "model", "title": "model"}, {"field": "shown", "title": metric}]
    return {
        "width": "container",
        "height": _ROW * len(rows),
        "data": {"values": rows},
        "encoding": {"y": place},
        "layer": [
            {
                "mark": {"type": "rule", "strokeWidth": 2.5},
                "encoding": {
                    "x": {**x, "field": "low", "axis": axis},
                    "x2": {"field": "high"},
                    "color": marks["color"],
                },
            },
            {
                "mark": {"type": "point", "filled": True, "size": 120, "opacity": 1},
                "encoding": {"x": {**x, "field": "value"}, **marks, "tooltip": hover},
            },
            {
                "mark": {"type": "text", "align": "left", "dy": -15, "limit": {"expr": "width"}},
                "encoding": {"x": {"value": 0}, "text": {"field": "said"}},
            },
        ],
    }


def comparison_text(comparison: ComparisonRecord, metric: str) -> str:
    """Say what `comparison_chart` shows, for who does not see it."""
    compared = _named(comparison, metric)
    values = [
        f"{name} {with_error(value)}{_distinction(compared, index)}"
        for index, name, value in _measured(comparison, compared)
    ]
    return f"{_what(metric)}: {'; '.join(values)}."


def frequency_chart(reports: Sequence[ReportRecord], names: Sequence[str]) -> Spec:
    """Return the scatter (NC1) of the classes of every frequency, one line a report.

    Args:
        reports: with strata; one without has no line.
        names: one a report, in the order of the comparison.
    """
    rows = _frequency_rows(reports, names)
    heading = f"{METRICS[SCATTER].family}: {SCATTER} {ARROWS[direction(SCATTER)]}"
    return {
        "width": "container",
        "height": 280,
        "data": {"values": rows},
        "mark": {"type": "line", "point": {"filled": True, "size": 70}},
        "encoding": {
            "x": {
                "field": "low",
                "type": "quantitative",
                **value_axis("tokens of a class, from", [row["low"] for row in rows]),
            },
            "y": {"field": "value", "type": "quantitative", **value_axis(heading, [row["value"] for row in rows])},
            **by_model(names, legend=True),
            "tooltip": [
                {"field": "model", "title": "model"},
                {"field": "tokens", "title": "tokens each"},
                {"field": "classes", "title": "classes"},
                {"field": "shown", "title": SCATTER},
            ],
        },
    }


def frequency_text(reports: Sequence[ReportRecord], names: Sequence[str]) -> str:
    """Say what `frequency_chart` shows: the rarest and the commonest classes of each report."""
    rows = _frequency_rows(reports, names)
    said = []
    for name in names:
        mine = [row for row in rows if row["model"] == name]
        if mine:
            first, last = mine[0], mine[-1]
            said.append(f"{name} {first['shown']} at {first['tokens']} tokens, {last['shown']} at {last['tokens']}")
    return f"{_what(SCATTER)}, by how many tokens a class has: {'; '.join(said) or 'not measured'}."


def _frequency_rows(reports: Sequence[ReportRecord], names: Sequence[str]) -> list[Spec]:
    return [
        {
            "model": name,
            "low": stratum.low,
            "tokens": f"{stratum.low:,} to {stratum.high:,}",
            "classes": stratum.classes,
            "value": float(value),
            "shown": number(float(value), 3),
        }
        for report, name in zip(reports, names, strict=True)
        for stratum in report.strata
        if stratum.used and math.isfinite(float(value := stratum.metrics.get(SCATTER, math.nan)))
    ]


def _named(comparison: ComparisonRecord, metric: str) -> ComparedMetric:
    return next(each for each in comparison.metrics if each.name == metric)


def _measured(comparison: ComparisonRecord, compared: ComparedMetric) -> list[tuple[int, str, MetricValue]]:
    """Return place, name and value of every report in which the metric is a number."""
    pairs = zip(comparison.names, compared.values, strict=True)
    return [
        (index, name, value)
        for index, (name, value) in enumerate(pairs)
        if value is not None and math.isfinite(value.value)
    ]


def _distinction(compared: ComparedMetric, index: int) -> str:
    """Say that a report is the most collapsed, where the comparison does."""
    if index != compared.most_collapsed:
        return ""
    return ", most collapsed, but not clear of the next" if compared.clear is False else ", most collapsed"


def _what(metric: str) -> str:
    ways = {"down": "smaller is more collapsed", "up": "larger is more collapsed", "none": "no direction of collapse"}
    return f"{title(metric) or metric} ({metric}, {ways[direction(metric)]})"
