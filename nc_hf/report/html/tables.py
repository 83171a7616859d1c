"""The tables of a report that stand below its values: strata, single tokens, layers, and last the circumstances."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from nc_hf.report.detail import TokenRecord
from nc_hf.report.html.parts import arrow, scrolling
from nc_hf.report.html.parts import value as shown_value
from nc_hf.report.record import ReportRecord
from nc_hf.report.words import circumstances, number, stratum_note, stratum_table

_SHOWN_TOKENS = 10


def html_circumstances(report: ReportRecord) -> str:
    """Return what the values depend on, folded away."""
    return _folded("Circumstances", circumstances(report))


def html_diagnostics(report: ReportRecord) -> str:
    """Return what qualifies the values, folded away; nothing where there is none."""
    return _folded("Diagnostics", [(name, number(found)) for name, found in report.diagnostics.items()])


def html_strata(report: ReportRecord) -> str:
    """Return the metrics by class frequency; nothing where the report has no strata."""
    if not report.strata:
        return ""
    header, rows = stratum_table(report)
    head = "".join(f"<th scope='col' class='number'>{escape(heading)}</th>" for heading in header)
    lines = "".join(
        f"<tr><th scope='row' class='number'>{first}</th>"
        + "".join(f"<td class='number'>{cell}</td>" for cell in rest)
        + "</tr>"
        for first, *rest in rows
    )
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>"
    return f"{scrolling('By class frequency', table)}<p class='legend'>{escape(stratum_note(report.strata))}</p>"


def html_layers(report: ReportRecord) -> str:
    """Return every metric by layer; nothing where the layers were not measured."""
    if not report.layers:
        return ""
    names = list(dict.fromkeys(name for values in report.layers.values() for name in values))
    head = "".join(f"<th scope='col' class='number'><code>{escape(name)}</code>{arrow(name)}</th>" for name in names)
    lines = "".join(
        f"<tr><th scope='row'>{escape(layer)}</th>"
        + "".join(f"<td class='number'>{shown_value(found[name]) if name in found else ''}</td>" for name in names)
        + "</tr>"
        for layer, found in report.layers.items()
    )
    table = f"<table><thead><tr><th scope='col'>Layer</th>{head}</tr></thead><tbody>{lines}</tbody></table>"
    return scrolling("By layer", table)


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


def _folded(heading: str, entries: Sequence[tuple[str, str]]) -> str:
    if not entries:
        return ""
    rows = "".join(f"<tr><th scope='row'>{escape(name)}</th><td>{escape(phrase)}</td></tr>" for name, phrase in entries)
    return f"<details class='circumstances'><summary>{heading}</summary><table>{rows}</table></details>"
