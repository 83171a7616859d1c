"""A report as one file to mail: the same parts in the same order, with its pictures, and nothing from the network."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path

from nc_hf.report.charts.frequency import frequency_chart
from nc_hf.report.charts.layers import layers_chart
from nc_hf.report.charts.plane import plane_chart
from nc_hf.report.charts.render import script, to_svg
from nc_hf.report.charts.token_map import token_chart
from nc_hf.report.html.charts import html_chart
from nc_hf.report.html.definitions import html_definitions
from nc_hf.report.html.metrics import html_metrics
from nc_hf.report.html.summary import html_summary
from nc_hf.report.html.tables import html_circumstances, html_diagnostics, html_layers, html_strata, html_tokens
from nc_hf.report.palette import DARK, LIGHT, Palette
from nc_hf.report.record import ReportRecord
from nc_hf.report.token_card import CARD_STYLE, html_token_cards

_FOLDER = Path(__file__).parent
_UNFOLD = """addEventListener("beforeprint", () => {
  document.querySelectorAll("details").forEach((part) => { part.open = true; });
});"""


def html_document(report: ReportRecord) -> str:
    """Return the whole report as an HTML file.

    Raises:
        InputError: vl-convert is not installed.
    """
    charts = [plane_chart(report), token_chart(report), frequency_chart(report), layers_chart(report)]
    body = "".join(
        [
            html_summary(report),
            "<h2>Pictures</h2>",
            *(html_chart(chart, to_svg(chart) if chart.panels else "") for chart in charts),
            "<h2>Values</h2>",
            html_metrics(report),
            html_definitions(report),
            *_tables(report),
            html_diagnostics(report),
            html_circumstances(report),
        ]
    )
    return _page(f"Neural collapse of {report.name}", body, drawn=any(chart.panels for chart in charts))


def _tables(report: ReportRecord) -> Iterator[str]:
    for heading, table in (
        ("By class frequency", html_strata(report)),
        ("Tokens", html_tokens(report) + html_token_cards(report)),
        ("By layer", html_layers(report)),
    ):
        if table:
            yield f"<h2>{heading}</h2>{table}"


def _page(title: str, body: str, *, drawn: bool) -> str:
    style = (
        "".join((_FOLDER / name).read_text(encoding="utf-8") for name in ("result.css", "document.css")) + CARD_STYLE
    )
    drawing = f"<script>{script()}</script>" if drawn else ""
    return (
        "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        "<meta name='color-scheme' content='light dark'>"
        f"<title>{escape(title)}</title><style>:root {{{_variables(LIGHT)}}}"
        f"@media screen and (prefers-color-scheme: dark) {{:root {{{_variables(DARK)}}}}}{style}</style>"
        f"<noscript><style>.still {{ display: block }} .panels {{ display: none }}</style></noscript></head>"
        f"<body class='report'><main><h1>Neural collapse</h1>{body}"
        "<footer>Measured with nc_hf, after <cite>Linguistic Collapse</cite> (arXiv 2405.17767).</footer></main>"
        f"<script>{_UNFOLD}</script>{drawing}</body></html>\n"
    )


def _variables(palette: Palette) -> str:
    """Return the colours that the style sheets ask for."""
    colours = {
        "ink": palette.ink,
        "faint": palette.faint,
        "line": palette.grid,
        "accent": palette.accent,
        "ground": palette.paper,
        "card": palette.card,
    }
    return ";".join(f"--nc-{name}:{colour}" for name, colour in colours.items())
