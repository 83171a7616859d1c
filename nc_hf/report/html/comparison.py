"""Reports side by side as HTML."""

from __future__ import annotations

from html import escape

from nc_hf.report.html.parts import metric_name, scrolling, value
from nc_hf.report.several import ComparedMetric, ComparisonRecord
from nc_hf.report.words import LEGEND, comparison_legend


def html_comparison(comparison: ComparisonRecord) -> str:
    """Return the values side by side, the most collapsed marked, with what stands in the way of comparing them."""
    warnings = "".join(f"<p class='caution'>Not comparable as they are: {escape(w)}</p>" for w in comparison.warnings)
    head = "".join(f"<th scope='col' class='number'>{escape(name)}</th>" for name in comparison.names)
    warnings += "".join(f"<p class='caution'>{escape(note)}</p>" for note in comparison.notes)
    outcomes = ""
    for what, values in comparison.outcomes:
        cells = "".join(f"<td class='number'>{each}</td>" for each in values)
        outcomes += f"<tr><th scope='row'>{escape(what)}</th>{cells}</tr>"
    table = (
        f"<table class='compared'><thead><tr><th scope='col'>Metric</th>{head}</tr></thead>"
        f"<tbody>{outcomes}{''.join(map(_compared_row, comparison.metrics))}</tbody></table>"
    )
    legends = "".join(f"<p class=legend>{escape(line)}</p>" for line in (comparison_legend(comparison), LEGEND) if line)
    return f"{warnings}{scrolling('Comparison', table)}{legends}"


def _compared_row(compared: ComparedMetric) -> str:
    cells = (
        f"<td class='number'>{_mark(compared) if index == compared.most_collapsed else ''}"
        f"{value(metric) if metric else ''}</td>"
        for index, metric in enumerate(compared.values)
    )
    return f"<tr><th scope='row'>{metric_name(compared.name)}</th>{''.join(cells)}</tr>"


def _mark(compared: ComparedMetric) -> str:
    if compared.clear is False:
        return "<span class='most' title='most collapsed, but not clear of the next (95 %)'>○</span>"
    return "<span class='most' title='most collapsed'>●</span>"
