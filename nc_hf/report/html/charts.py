"""Charts in a page: the panels that the script of ``nc_hf.report.charts.render`` draws, and how to read them."""

from __future__ import annotations

import json
from html import escape

from nc_hf.report.charts.style import Chart

_AROUND = 50
"""Pixels that the heading and the axis of a panel take, about."""


def html_chart(chart: Chart, still: str = "") -> str:
    """Return a chart as a figure for ``mount.js``; where there is nothing to draw, the sentence that says why.

    Args:
        chart: what to draw.
        still: the same as SVG, for print and where no script runs.
    """
    heading, note = f"<h3>{escape(chart.title)}</h3>", f"<figcaption class='legend'>{escape(chart.note)}</figcaption>"
    if not chart.panels:
        return f"<section class='chart'>{heading}<p class='legend'>{escape(chart.note)}</p></section>"
    # As high as they will be, so that nothing moves when they are drawn.
    places = "".join(
        f"<div class='panel' style='min-height:min({panel['height'] + _AROUND}px, 100vw)'></div>"
        for panel in chart.panels
    )
    if still:
        still = f"<div class='still' role='img' aria-label='{escape(chart.description, quote=True)}'>{still}</div>"
    opening = f"<figure class='chart' data-chart='{escape(chart.name, quote=True)}' data-panels='{_embedded(chart)}'>"
    return f"{opening}{heading}<div class='panels'>{places}</div>{still}{note}</figure>"


def _embedded(chart: Chart) -> str:
    """Return the panels as JSON for an attribute, which nothing in it ends: names and tokens come from outside."""
    text = json.dumps(list(chart.panels), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("&", "&amp;").replace("'", "&#39;").replace("<", "&lt;")
