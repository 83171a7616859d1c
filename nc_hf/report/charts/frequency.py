"""Collapse by how often a token occurs: every token, and the bins of the strata."""

from __future__ import annotations

import math
from statistics import NormalDist

from nc_hf.metrics.jackknife import LEVEL
from nc_hf.report.charts.style import Chart, Spec, heading_of, hover, mark, panel, quantity
from nc_hf.report.detail import StratumRecord
from nc_hf.report.record import ReportRecord
from nc_hf.report.words import number

_TITLE = "By token frequency"
_X = "occurrences of the token"
_NC4 = "nc4_agreement"


def frequency_chart(report: ReportRecord) -> Chart:
    """Draw the scatter and the duality of every token, and NC1 and NC4 of every bin, on a log axis of occurrences.

    A bin's NC4 has the interval that its sampled tokens give, as if they were independent; of its NC1 no error is
    known, and the tokens themselves show how it scatters.
    """
    used = [stratum for stratum in report.strata if stratum.used]
    panels = []
    if report.token_table is not None:
        panels.append(_tokens(report, "variability", "scatter", "scatter of each token (NC1) ↓", used))
        panels.append(_tokens(report, "duality", "duality", "duality of each token (NC3) ↑", used))
    if rows := _agreement_rows(used):
        panels.append(_agreement(rows))
    if not panels:
        return Chart("frequency", _TITLE, "The report has neither bins of frequency nor single tokens.")
    note = "Grey: one token each. Bars along the axis: means by bin of frequency."
    if rows:
        note += " Upright bars: 95 % intervals from the sampled tokens of a bin, as if they were independent."
    return Chart("frequency", _TITLE, note, tuple(panels))


def wilson(share: float, count: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share of ``count`` independent draws; it stays within [0, 1].

    >>> [round(end, 3) for end in wilson(0.0, 10)]
    [0.0, 0.278]
    """
    z = NormalDist().inv_cdf((1 + LEVEL) / 2)
    middle = share + z * z / (2 * count)
    reach = z * math.sqrt(share * (1 - share) / count + (z / (2 * count)) ** 2)
    scale = 1 + z * z / count
    return max(0.0, (middle - reach) / scale), min(1.0, (middle + reach) / scale)


def _tokens(report: ReportRecord, column: str, what: str, heading: str, used: list[StratumRecord]) -> Spec:
    """Return a panel of every token, with the mean of each bin."""
    assert report.token_table is not None
    columns = report.token_table.columns
    values: list[float] = getattr(columns, column)
    rows: list[Spec] = [
        {"kind": "token", "token": text, "count": count, "value": value}
        for text, count, value in zip(columns.texts, columns.counts, values, strict=True)
        if math.isfinite(value)
    ]
    means = [(stratum, stratum.duality if column == "duality" else _mean(rows, stratum)) for stratum in used]
    levels = [(stratum, mean) for stratum, mean in means if mean is not None and math.isfinite(mean)]
    rows += [{"kind": "bin", **_bin(stratum), "value": mean} for stratum, mean in levels]
    y = quantity("value", zero=True)
    tip = hover([("token", "token")], [("count", "occurrences"), ("value", what)])
    layers = [
        {"transform": [{"filter": "datum.kind == 'token'"}], "mark": mark("point", "behind", filled=True),
         "encoding": {"x": _x("count"), "y": y, "tooltip": tip}},
        _level(y, what),
    ]  # fmt: skip
    said = f"{heading}: {sum(row['kind'] == 'token' for row in rows):,} tokens"
    if levels:
        first, last = (number(mean, 3) for _, mean in (levels[0], levels[-1]))
        said += f"; the mean goes from {first} of the rarest bin to {last} of the commonest"
    return panel(heading, f"{said}.", rows, layers)


def _agreement_rows(used: list[StratumRecord]) -> list[Spec]:
    rows: list[Spec] = []
    for stratum in used:
        share = stratum.metrics.get(_NC4)
        if share is not None and math.isfinite(share) and stratum.agreement_tokens:
            low, high = wilson(share, stratum.agreement_tokens)
            rows.append({"kind": "bin", **_bin(stratum), "value": share, "low": low, "high": high})
    return rows


def _agreement(rows: list[Spec]) -> Spec:
    y = quantity("value", zero=True)
    error = {"x": _x("middle"), "y": {**y, "field": "low"}, "y2": {"field": "high"}}
    layers = [{"mark": mark("rule", "error"), "encoding": error}, _level(y, _NC4)]
    ends = [f"{row['value']:.3g} at {row['range']} occurrences" for row in (rows[0], rows[-1])]
    return panel(heading_of(_NC4), f"{_NC4} goes from {ends[0]} to {ends[1]}.", rows, layers)


def _level(y: Spec, what: str) -> Spec:
    """Return the mark of a bin: from its lowest to its highest count."""
    tip = hover([("range", "occurrences"), ("classes", "tokens of the vocabulary")], [("value", what)])
    place = {"x": _x("from"), "x2": {"field": "to"}, "y": y, "tooltip": tip}
    return {
        "transform": [{"filter": "datum.kind == 'bin'"}],
        "mark": mark("rule", "curve", strokeWidth=4),
        "encoding": place,
    }


def _bin(stratum: StratumRecord) -> Spec:
    low, high = stratum.low, stratum.high
    return {"from": low, "to": high, "middle": math.sqrt(low * high), "range": f"{low:,} to {high:,}",
            "classes": stratum.classes}  # fmt: skip


def _mean(rows: list[Spec], stratum: StratumRecord) -> float | None:
    inside = [row["value"] for row in rows if stratum.low <= row["count"] <= stratum.high]
    return math.fsum(inside) / len(inside) if inside else None


def _x(field: str) -> Spec:
    return quantity(field, _X, log=True, axis={"format": ",d", "tickCount": 4})
