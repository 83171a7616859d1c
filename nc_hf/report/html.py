"""The parts of a report as HTML, for any page: classes for a style sheet, roles for a reader; all text is escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from nc_hf.metrics.table import FAMILIES, METRICS
from nc_hf.remedies import FrontEnd
from nc_hf.report.detail import TokenRecord
from nc_hf.report.record import MetricValue, ReportRecord
from nc_hf.report.several import ComparedMetric, ComparisonRecord
from nc_hf.report.verdict import Verdict
from nc_hf.report.words import (
    ARROWS,
    LEGEND,
    UNTRAINED,
    by_family,
    circumstances,
    comparison_legend,
    direction,
    family_title,
    number,
    title,
    with_error,
)

_SHOWN_TOKENS = 10
_DIRECTIONS = {"down": "smaller is more collapsed", "up": "larger is more collapsed", "none": "has no direction"}


@dataclass(frozen=True)
class Column:
    """A column of one's own in the table of metrics.

    Attributes:
        heading: plain text.
        cells: HTML by the name of the metric.
    """

    heading: str
    cells: Mapping[str, str]


def html_verdict(subject: str, verdict: Verdict, note: str = "", front_end: FrontEnd | None = None) -> str:
    """Return a verdict as a card: the headline, the findings and the cautions.

    Args:
        subject: whose verdict it is, above the headline.
        verdict: what the values say.
        note: a remark below.
        front_end: whose remedies go with the cautions; none by default.
    """
    findings = "".join(
        f"<li><p class='asked'>{escape(finding.question)}</p>"
        f"<p><strong>{escape(finding.answer)}.</strong> {escape(finding.reason)}</p></li>"
        for finding in verdict.findings
    )
    cautions = "".join(f"<p class='caution'>{escape(caution)}</p>" for caution in verdict.warnings(front_end))
    return (
        f"<section class='verdict {verdict.level}' aria-label='Verdict'>"
        f"<p class='subject'>{escape(subject)}</p><h2>{escape(verdict.title)}</h2>"
        f"<p class='rests'>{escape(verdict.basis)}</p><ul>{findings}</ul>{cautions}"
        f"{f'<p class=note>{escape(note)}</p>' if note else ''}</section>"
    )


def html_metrics(report: ReportRecord, column: Column | None = None) -> str:
    """Return every metric with its direction, its value and its definition, by family.

    Args:
        report: whose metrics.
        column: one more, between value and definition.
    """
    columns = [column] if column is not None else []
    if report.untrained:
        marks = {name: number(value) for name, value in report.untrained.items()}
        columns.insert(0, Column(UNTRAINED.capitalize(), marks))
    extra = "".join(f"<th scope='col'>{escape(each.heading)}</th>" for each in columns)
    rows = []
    for family, names in by_family(report.metrics).items():
        meaning = FAMILIES[family].meaning if family in FAMILIES else ""
        rows.append(
            f"<tr class='family'><th colspan='{3 + len(columns)}' scope='colgroup'>"
            f"{escape(family_title(family))}<span>{escape(meaning)}</span></th></tr>"
        )
        rows.extend(_metric_row(report, name, columns) for name in names)
    return (
        "<div class='scroll' tabindex='0' role='region' aria-label='Metrics'><table class='metrics'>"
        f"<caption class='hidden'>Metrics of {escape(report.name)}</caption>"
        "<thead><tr><th scope='col'>Metric</th><th scope='col' class='number'>Value</th>"
        f"{extra}<th scope='col'>Definition</th></tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div>"
        f"<p class='legend'>{escape(LEGEND)} · ± one standard error</p>"
    )


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


def html_comparison(comparison: ComparisonRecord) -> str:
    """Return the values side by side, the most collapsed marked, with what stands in the way of comparing them."""
    warnings = "".join(f"<p class='caution'>Not comparable as they are: {escape(w)}</p>" for w in comparison.warnings)
    head = "".join(f"<th scope='col' class='number'>{escape(name)}</th>" for name in comparison.names)
    warnings += "".join(f"<p class='caution'>{escape(note)}</p>" for note in comparison.notes)
    outcomes = ""
    for what, values in comparison.outcomes:
        cells = "".join(f"<td class='number'>{each}</td>" for each in values)
        outcomes += f"<tr><th scope='row'>{escape(what)}</th>{cells}</tr>"
    return (
        f"{warnings}<div class='scroll' tabindex='0' role='region' aria-label='Comparison'><table class='compared'>"
        f"<thead><tr><th scope='col'>Metric</th>{head}</tr></thead>"
        f"<tbody>{outcomes}{''.join(map(_compared_row, comparison.metrics))}</tbody></table></div>"
        f"{''.join(f'<p class=legend>{escape(line)}</p>' for line in (comparison_legend(comparison), LEGEND) if line)}"
    )


def _metric_row(report: ReportRecord, name: str, columns: Sequence[Column]) -> str:
    formula = report.definitions.get(name, "")
    source = METRICS[name].source if name in METRICS else ""
    extra = "".join(f"<td>{each.cells.get(name, '')}</td>" for each in columns)
    return (
        f"<tr><th scope='row'>{_name(name)}</th><td class='number' data-metric='{escape(name, quote=True)}'>"
        f"{_value(report.metrics[name])}</td>{extra}"
        f"<td class='definition'><code>{escape(formula)}</code><span>{escape(source)}</span></td></tr>"
    )


def _compared_row(compared: ComparedMetric) -> str:
    cells = (
        f"<td class='number'>{_mark(compared) if index == compared.most_collapsed else ''}"
        f"{_value(metric) if metric else ''}</td>"
        for index, metric in enumerate(compared.values)
    )
    return f"<tr><th scope='row'>{_name(compared.name)}</th>{''.join(cells)}</tr>"


def _mark(compared: ComparedMetric) -> str:
    if compared.clear is False:
        return "<span class='most' title='most collapsed, but not clear of the next (95 %)'>○</span>"
    return "<span class='most' title='most collapsed'>●</span>"


def _name(name: str) -> str:
    way = direction(name)
    return (
        f"<code>{escape(name)}</code><span class='arrow' title='{_DIRECTIONS[way]}'>{ARROWS[way]}"
        f"<span class='hidden'>{_DIRECTIONS[way]}</span></span><span class='what'>{escape(title(name))}</span>"
    )


def _value(metric: MetricValue) -> str:
    value, _, error = with_error(metric).partition(" ")
    return f"<b>{escape(value)}</b>{f' <i>{escape(error)}</i>' if error else ''}"


def _token_table(heading: str, records: Sequence[TokenRecord]) -> str:
    rows = "".join(
        f"<tr><th scope='row'><code>{escape(each.text)}</code></th><td class='number'>{each.count:,}</td>"
        f"<td class='number'>{number(each.variability, 3)}</td><td class='number'>{number(each.norm, 3)}</td>"
        f"<td class='number'>{number(each.duality, 3)}</td><td><code>{escape(each.nearest_text)}</code></td></tr>"
        for each in records[:_SHOWN_TOKENS]
    )
    return (
        f"<div><h3>{escape(heading)}</h3><div class='scroll' tabindex='0' role='region' aria-label='{escape(heading)}'>"
        "<table><thead><tr><th scope='col'>Token</th><th scope='col' class='number'>Count</th>"
        "<th scope='col' class='number'>Scatter ↓</th><th scope='col' class='number'>Norm</th>"
        "<th scope='col' class='number'>Duality ↑</th><th scope='col'>Nearest</th></tr></thead>"
        f"<tbody>{rows}</tbody></table></div></div>"
    )
