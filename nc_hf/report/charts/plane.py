"""Loss against collapse: the published models, other results, and this model with its error."""

from __future__ import annotations

import math
from collections.abc import Iterable

from nc_hf.report.axes import wants_log
from nc_hf.report.charts.published import obstacle, published
from nc_hf.report.charts.style import Chart, Spec, heading_of, hover, mark, panel, quantity
from nc_hf.report.intervals import groups_of, interval
from nc_hf.report.record import ReportRecord

_TITLE = "Loss and collapse, beside the published models"
_TITLE_ALONE = "Loss and collapse of the published models"
_OF_SAMPLE = ("nc1_cdnv_paper",)
"""They depend on the scale of the features and fall with the sample: no other measurement may be held against them."""


def plane_chart(report: ReportRecord | None = None, others: Iterable[ReportRecord] = ()) -> Chart:
    """Draw loss against NC1, GNC2, UNC3 and NC4.

    Args:
        report: of the model in question; None draws what it would be held against.
        others: further reports; those that may not be held against the published models are left out.

    Returns:
        A chart without panels, whose note says why, where the report may not be held against the published models.
    """
    if report is not None and (why := obstacle(report)):
        return Chart("plane", _TITLE, f"This model is not drawn beside the {_count()} published ones: {why}.")
    fit = [other for other in others if obstacle(other) is None]
    panels = tuple(_panel(name, report, fit) for name in published()["metrics"])
    return Chart("plane", _TITLE if report else _TITLE_ALONE, _note(report, fit), panels)


def _count() -> int:
    return len(published()["models"])


def _note(report: ReportRecord | None, others: list[ReportRecord]) -> str:
    known = published()
    note = (
        f"Grey: the {_count()} models of Linguistic Collapse, small GPT-Neos trained on TinyStories and measured on "
        f"{known['tokens'] / 1e6:,.0f} million tokens of it with {known['classes']:,} classes."
    )
    if others:
        note += " Diamonds: other results."
    if report is None:
        return note
    note += (
        f" Large: this model, on {report.tokens:,} tokens with {report.classes.used:,} classes, with its 95 % "
        "intervals; fewer tokens move every value, so take it for an orientation."
    )
    lacking = [name for name in known["metrics"] if name not in _OF_SAMPLE and name not in report.metrics]
    if lacking:
        note += f" Not measured of it: {', '.join(lacking)} (the preset full has all)."
    return f"{note} NC1 as published falls with the sample, so no other model is drawn there."


def _panel(name: str, report: ReportRecord | None, others: list[ReportRecord]) -> Spec:
    known = published()
    rows = [
        {"kind": "published", "model": model, "loss": loss, "value": value}
        for model, loss, value in zip(known["models"], known["loss"], known["metrics"][name], strict=True)
    ]
    drawn = [] if name in _OF_SAMPLE else [("other", other) for other in others]
    drawn += [("mine", report)] if report is not None and name not in _OF_SAMPLE else []
    rows += [row for kind, each in drawn if (row := _row(kind, name, each)) is not None]
    log = wants_log(name, [float(row["value"]) for row in rows], 10.0)
    x, y = quantity("loss", "loss, nats a token"), quantity("value", log=log)
    tip = hover([("model", "model")], [("loss", "loss"), ("value", name)])
    point: Spec = {"x": x, "y": y, "tooltip": tip}
    upright = {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}}
    along = {"y": y, "x": {**x, "field": "least"}, "x2": {"field": "most"}}
    layers = [
        ("published", {"mark": mark("point", "behind", filled=True), "encoding": point}),
        ("other", {"mark": mark("point", "others"), "encoding": point}),
        ("mine", {"mark": mark("rule", "error"), "encoding": upright}),
        ("mine", {"mark": mark("rule", "error"), "encoding": along}),
        ("mine", {"mark": mark("point", "mine", filled=True, shape="square"), "encoding": point}),
    ]
    kinds = {row["kind"] for row in rows}
    shown = [{"transform": [{"filter": f"datum.kind == '{kind}'"}], **layer} for kind, layer in layers if kind in kinds]
    return panel(heading_of(name), _described(name, rows), rows, shown)


def _row(kind: str, name: str, report: ReportRecord) -> Spec | None:
    metric = report.metrics.get(name)
    if metric is None or not math.isfinite(metric.value) or not math.isfinite(report.loss):
        return None
    groups = groups_of(report)
    low, high = interval(name, metric, groups) or (metric.value, metric.value)
    least, most = interval("loss", report.outcome("loss"), groups) or (report.loss, report.loss)
    found = {"kind": kind, "model": report.name, "loss": report.loss, "value": metric.value}
    return {**found, "low": low, "high": high, "least": least, "most": most}


def _described(name: str, rows: list[Spec]) -> str:
    values = [row["value"] for row in rows if row["kind"] == "published"]
    said = f"{name} of the published models lies between {min(values):.3g} and {max(values):.3g}"
    mine = next((row["value"] for row in rows if row["kind"] == "mine"), None)
    return f"{said}." if mine is None else f"{said}; of this model it is {mine:.3g}."
