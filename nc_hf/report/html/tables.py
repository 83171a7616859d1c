"""The tables of a report that stand below its values: single tokens, and the circumstances."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from nc_hf.report.detail import TokenRecord
from nc_hf.report.html.parts import scrolling
from nc_hf.report.record import ReportRecord
from nc_hf.report.words import circumstances, number

_SHOWN_TOKENS = 10


def html_circumstances(report: ReportRecord) -> str:
    """Return what the values depend on, folded away."""
    rows = "".join(
        f"<tr><th scope='row'>{escape(heading)}</th><td>{escape(phrase)}</td></tr>"
        for heading, phrase in circumstances(report)
    )
    return f"<details class='circumstances'><summary>Circumstances</summary><table>{rows}</table></details>"


def html_tokens(report: ReportRecord) -> str:
    """Return the most and the least collapsed tokens; nothing where the report has no table of tokens."""
    table = report.token_table
    if table is None:
        return ""
    parts = [("Most collapsed tokens", table.most_collapsed), ("Least collapsed tokens", table.least_collapsed)]
    return f"<div class='tokens'>{''.join(_token_table(heading, records) for heading, records in parts)}</div>"


def _token_table(heading: str, records: Sequence[TokenRecord]) -> str:
    rows = "".join(
        f"<tr><th scope='row'><code>{escape(each.text)}</code></th><td class='number'>{each.count:,}</td>"
        f"<td class='number'>{number(each.variability, 3)}</td><td class='number'>{number(each.norm, 3)}</td>"
        f"<td class='number'>{number(each.duality, 3)}</td><td><code>{escape(each.nearest_text)}</code></td></tr>"
        for each in records[:_SHOWN_TOKENS]
    )
    table = (
        "<table><thead><tr><th scope='col'>Token</th><th scope='col' class='number'>Count</th>"
        "<th scope='col' class='number'>Scatter ↓</th><th scope='col' class='number'>Norm</th>"
        "<th scope='col' class='number'>Duality ↑</th><th scope='col'>Nearest</th></tr></thead>"
        f"<tbody>{rows}</tbody></table>"
    )
    return f"<div><h3>{escape(heading)}</h3>{scrolling(heading, table)}</div>"
