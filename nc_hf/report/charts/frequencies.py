"""Several reports by how often a token occurs: NC1 and NC4 of every bin, one line a report."""

from __future__ import annotations

import math
from collections.abc import Sequence

from nc_hf.report.axes import wants_log
from nc_hf.report.charts.comparison import look
from nc_hf.report.charts.style import Chart, Spec, heading_of, hover, mark, panel, quantity
from nc_hf.report.comparison import compare
from nc_hf.report.record import ReportRecord

_TITLE = "Compared by token frequency"
_METRICS = ("nc1_trace_ratio", "nc4_agreement")
_DECADES = 20.0
_LEGEND = {"title": None, "orient": "bottom", "direction": "vertical", "columns": 1, "labelLimit": 280}
_HEIGHT = 220
_LINE = 20  # pixels a name in the legend


def frequencies_chart(reports: Sequence[ReportRecord]) -> Chart:
    """Draw NC1 and NC4 of the bins of frequency, in the order, colours and shapes of ``comparison_chart``.

    Raises:
        InputError: fewer than two reports.
    """
    names = compare(reports).names
    panels = [_panel(name, rows, names) for name in _METRICS if (rows := _rows(name, reports, names))]
    if not panels:
        return Chart("frequencies", _TITLE, "These reports have no bins of frequency.")
    note = "Rare tokens on the left, common ones on the right; each point is a bin, measured by itself."
    return Chart("frequencies", _TITLE, note, tuple(panels))


def _rows(name: str, reports: Sequence[ReportRecord], names: Sequence[str]) -> list[Spec]:
    return [
        {
            "model": model,
            "middle": math.sqrt(stratum.low * stratum.high),
            "range": f"{stratum.low:,} to {stratum.high:,}",
            "classes": stratum.classes,
            "value": value,
        }
        for report, model in zip(reports, names, strict=True)
        for stratum in report.strata
        if stratum.used and math.isfinite(value := stratum.metrics.get(name, math.nan))
    ]


def _panel(name: str, rows: list[Spec], names: Sequence[str]) -> Spec:
    colour, shape = ({**channel, "legend": _LEGEND} for channel in look(names))
    tip = hover(
        [("model", "model"), ("range", "occurrences"), ("classes", "tokens of the vocabulary")], [("value", name)]
    )
    place = {
        "x": quantity("middle", "occurrences of the token", log=True, axis={"format": ",d", "tickCount": 4}),
        "y": quantity("value", log=wants_log(name, [row["value"] for row in rows], _DECADES)),
        "color": colour,
    }
    layers = [
        {"mark": mark("line", "", strokeWidth=2)},
        {"mark": mark("point", "", filled=True, size=60, opacity=1), "encoding": {"shape": shape, "tooltip": tip}},
    ]
    height = _HEIGHT + _LINE * len(names)
    return panel(heading_of(name), _described(name, rows, names), rows, layers, encoding=place, height=height)


def _described(name: str, rows: list[Spec], names: Sequence[str]) -> str:
    """Say the rarest and the commonest bin of each report."""
    said = []
    for model in names:
        if mine := [row for row in rows if row["model"] == model]:
            ends = [f"{row['value']:.3g} at {row['range']} occurrences" for row in (mine[0], mine[-1])]
            said.append(f"{model} from {ends[0]} to {ends[1]}")
    return f"{name}: {'; '.join(said)}."
