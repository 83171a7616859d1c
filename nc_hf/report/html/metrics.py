"""The metrics of a report as an HTML table, by family."""

from __future__ import annotations

from html import escape

from nc_hf.report.html.parts import metric_name, scrolling, value
from nc_hf.report.record import ReportRecord
from nc_hf.report.words import LEGEND, UNTRAINED, by_family, family_title, number


def html_metrics(report: ReportRecord) -> str:
    """Return every metric with its direction, its value, and where it is known the value of the untrained model."""
    extra = f"<th scope='col' class='number'>{UNTRAINED.capitalize()}</th>" if report.untrained else ""
    rows = []
    for family, names in by_family(report.metrics).items():
        heading = f"<th colspan='{3 if extra else 2}' scope='colgroup'>{escape(family_title(family))}</th>"
        rows += [f"<tr class='family'>{heading}</tr>", *(_row(report, name) for name in names)]
    table = (
        f"<table class='metrics'><caption class='hidden'>Metrics of {escape(report.name)}</caption>"
        f"<thead><tr><th scope='col'>Metric</th><th scope='col' class='number'>Value</th>{extra}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table>"
    )
    return f"{scrolling('Metrics', table)}<p class='legend'>{escape(LEGEND)} · ± one standard error</p>"


def _row(report: ReportRecord, name: str) -> str:
    mark = number(report.untrained[name]) if name in report.untrained else ""
    extra = f"<td class='number'>{mark}</td>" if report.untrained else ""
    return (
        f"<tr><th scope='row'>{metric_name(name)}</th><td class='number' data-metric='{escape(name, quote=True)}'>"
        f"{value(report.metrics[name])}</td>{extra}</tr>"
    )
