"""Metrics as an HTML table, by family."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from nc_hf.report.html.parts import metric_name, scrolling, value
from nc_hf.report.record import MetricValue, ReportRecord
from nc_hf.report.words import LEGEND, UNTRAINED, by_family, family_title, number


def html_metrics(report: ReportRecord) -> str:
    """Return every metric with its direction, its value, and where it is known the value of the untrained model."""
    return html_values(report.metrics, report.untrained, report.name)


def html_values(metrics: Mapping[str, MetricValue], untrained: Mapping[str, float], of: str) -> str:
    """Return metrics by family as a table.

    Args:
        metrics: by name.
        untrained: values of the untrained model; empty where none was measured, and the table has no column for them.
        of: whose they are, for the caption.
    """
    extra = f"<th scope='col' class='number'>{UNTRAINED.capitalize()}</th>" if untrained else ""
    rows = []
    for family, names in by_family(metrics).items():
        heading = f"<th colspan='{3 if extra else 2}' scope='colgroup'>{escape(family_title(family))}</th>"
        rows += [f"<tr class='family'>{heading}</tr>", *(_row(name, metrics[name], untrained) for name in names)]
    table = (
        f"<table class='metrics'><caption class='hidden'>Metrics of {escape(of)}</caption>"
        f"<thead><tr><th scope='col'>Metric</th><th scope='col' class='number'>Value</th>{extra}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table>"
    )
    errors = " · ± one standard error" if any(metric.stderr is not None for metric in metrics.values()) else ""
    return f"{scrolling('Metrics', table)}<p class='legend'>{escape(LEGEND)}{errors}</p>"


def _row(name: str, metric: MetricValue, untrained: Mapping[str, float]) -> str:
    mark = number(untrained[name]) if name in untrained else ""
    extra = f"<td class='number'>{mark}</td>" if untrained else ""
    return (
        f"<tr><th scope='row'>{metric_name(name)}</th><td class='number' data-metric='{escape(name, quote=True)}'>"
        f"{value(metric)}</td>{extra}</tr>"
    )
