"""Several reports side by side: a point with its interval for each, metric by metric, each in its place and look."""

from __future__ import annotations

from collections.abc import Sequence

from nc_hf.report.axes import wants_log
from nc_hf.report.charts.style import SHAPES, Chart, Spec, ending, heading_of, hover, mark, panel, quantity
from nc_hf.report.charts.values import INTERVALS, MARGIN, value_row, within
from nc_hf.report.comparison import compare
from nc_hf.report.intervals import groups_of
from nc_hf.report.record import ReportRecord
from nc_hf.report.words import compared_by_family

_DECADES = 10.0
_ROW = 26


def comparison_chart(reports: Sequence[ReportRecord]) -> Chart:
    """Draw every metric that two reports or more have, the reports in their order from above.

    Raises:
        InputError: fewer than two reports.
    """
    comparison = compare(reports)
    groups = [groups_of(report) for report in reports]
    panels = []
    for compared in compared_by_family(comparison):
        rows: list[Spec] = []
        for place, (name, metric) in enumerate(zip(comparison.names, compared.values, strict=True)):
            row = None if metric is None else value_row(compared.name, metric, groups[place])
            rows += [{"model": name, "foremost": place == compared.most_collapsed, **row}] if row else []
        if len(rows) > 1:
            panels.append(_panel(compared.name, rows, comparison.names))
    note = " ".join([INTERVALS, *(f"Not comparable as they are: {warning}" for warning in comparison.warnings)])
    return Chart("comparison", "Compared", note, tuple(panels))


def look(names: Sequence[str]) -> tuple[Spec, Spec]:
    """Return the colour and the shape of each model, the same in every panel; colours are the theme's, in order."""
    colour: Spec = {"field": "model", "type": "nominal", "sort": None, "scale": {"domain": list(names)}, "legend": None}
    shapes = [SHAPES[place % len(SHAPES)] for place in range(len(names))]
    return colour, {**colour, "scale": {"domain": list(names), "range": shapes}}


def _panel(name: str, rows: list[Spec], names: Sequence[str]) -> Spec:
    log = wants_log(name, [row["value"] for row in rows], _DECADES)
    shown = [within(row, rows) for row in rows] if log else rows
    colour, shape = look(names)
    x = quantity("value", log=log)
    x["scale"] = {**x["scale"], "padding": MARGIN}
    axis = {"labelLimit": 150, "labelExpr": ending(20), "grid": True}
    order = {"sort": list(names), "scale": {"domain": list(names)}}
    y = {"field": "model", "type": "nominal", "title": None, "axis": axis, **order}
    tip = hover([("model", "model"), ("interval", "95 % interval")], [("value", name)])
    layers = [
        {"mark": mark("rule", "", strokeWidth=2), "encoding": {"x": {**x, "field": "low"}, "x2": {"field": "high"}}},
        {
            "mark": mark("point", "", filled=True, size=90, opacity=1),
            "encoding": {"x": x, "shape": shape, "tooltip": tip},
        },
    ]
    said = ", ".join(f"{row['model']} {row['value']:.3g}" for row in rows)
    height = _ROW * len(names)
    return panel(heading_of(name), f"{name}: {said}.", shown, layers, encoding={"y": y, "color": colour}, height=height)
