"""Every metric that the features of a layer allow, against depth."""

from __future__ import annotations

from nc_hf.report.charts.style import Chart, Spec
from nc_hf.report.charts.values import INTERVALS, curve_panel, metric_names, value_row
from nc_hf.report.intervals import groups_of
from nc_hf.report.record import ReportRecord

_TITLE = "Over the layers"


def layers_chart(report: ReportRecord) -> Chart:
    """Draw every metric that two layers or more have; without panels where the report has no layers."""
    depths = list(report.layers)
    if len(depths) < 2:
        return Chart("layers", _TITLE, 'The layers before the last were not measured (layers="all" does).')
    groups = groups_of(report)
    axis = {"labelAngle": 0, "labelExpr": "replace(datum.label, 'layer.', '')"}
    x = {"field": "layer", "type": "ordinal", "sort": depths, "title": "layer", "axis": axis}
    panels = []
    for name in metric_names(report.layers.values()):
        rows: list[Spec] = []
        for layer in depths:
            metric = report.layers[layer].get(name)
            row = None if metric is None else value_row(name, metric, groups)
            rows += [{"layer": layer, **row}] if row else []
        if len(rows) > 1:
            panels.append(curve_panel(name, rows, x, "layer"))
    if not panels:
        return Chart("layers", _TITLE, "No metric has a number in two layers or more.")
    known = any(metric.stderr is not None for layer in depths[:-1] for metric in report.layers[layer].values())
    note = INTERVALS if known else f"{INTERVALS} Those of the layers before the last were not asked for (layer_errors)."
    for layer, kept_out in report.outliers.items():
        note += f" {layer}: without the tokens at {len(kept_out.positions)} positions, whose features are far longer."
    return Chart("layers", _TITLE, note, tuple(panels))
