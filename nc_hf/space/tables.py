"""The parts of a result as HTML; whatever comes from outside is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from nc_hf.metrics.table import FAMILIES, METRICS
from nc_hf.report import Comparison, MetricValue, Report
from nc_hf.report.detail import TokenRecord
from nc_hf.report.verdict import Verdict
from nc_hf.report.words import (
    ARROWS,
    LEGEND,
    by_family,
    circumstances,
    direction,
    family_title,
    number,
    title,
    value_and_error,
)
from nc_hf.space.html import message
from nc_hf.space.places import Place, reservations
from nc_hf.space.service import Answer
from nc_hf.space.store import Kept

_SHOWN_TOKENS = 10
_DIRECTIONS = {"down": "smaller is more collapsed", "up": "larger is more collapsed", "none": "has no direction"}


def verdict_card(answer: Answer) -> str:
    """Return the headline, the findings and the cautions."""
    said = answer.verdict
    rows = "".join(
        f"<li><p class='asked'>{escape(finding.question)}</p>"
        f"<p><strong>{escape(finding.answer)}.</strong> {escape(finding.reason)}</p></li>"
        for finding in said.findings
    )
    cautions = "".join(f"<p class='caution'>{escape(caution)}</p>" for caution in said.cautions)
    note = "Measured before; the same question is answered at once." if answer.kept else ""
    if not answer.key:
        note = "Not kept: only you see this result."
    return (
        f"<section class='verdict {said.level}' aria-label='Verdict'>"
        f"<p class='subject'>{escape(answer.report.name)}</p><h2>{escape(_head(said))}</h2>"
        f"<p class='rests'>{escape(_rests(said))}</p><ul>{rows}</ul>{cautions}"
        f"{f'<p class=note>{escape(note)}</p>' if note else ''}</section>"
    )


def metric_table(answer: Answer) -> str:
    """Return every metric with its direction, its value, its place and its definition."""
    report = answer.report
    ranked = any(place.published is not None for place in answer.places.values())
    rows = []
    for family, names in by_family(report.metrics).items():
        meaning = FAMILIES[family].meaning if family in FAMILIES else ""
        rows.append(
            f"<tr class='family'><th colspan='4' scope='colgroup'>{escape(family_title(family))}"
            f"<span>{escape(meaning)}</span></th></tr>"
        )
        rows.extend(_metric_row(report, name, answer.places.get(name)) for name in names)
    return (
        "<div class='scroll' tabindex='0' role='region' aria-label='Metrics'><table class='metrics'>"
        f"<caption class='hidden'>Metrics of {escape(report.name)}</caption>"
        "<thead><tr><th scope='col'>Metric</th><th scope='col' class='number'>Value</th>"
        "<th scope='col'>Place</th><th scope='col'>Definition</th></tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div>"
        f"<p class='legend'>{escape(LEGEND)} · ± one standard error</p>"
        f"{f'<p class=legend>{escape(reservations(report))}</p>' if ranked else ''}"
    )


def circumstance_table(report: Report) -> str:
    """Return what the values depend on, folded away."""
    rows = "".join(
        f"<tr><th scope='row'>{escape(heading)}</th><td>{escape(phrase)}</td></tr>"
        for heading, phrase in circumstances(report)
    )
    return f"<details class='circumstances'><summary>Circumstances</summary><table>{rows}</table></details>"


def token_tables(report: Report) -> str:
    """Return the most and the least collapsed tokens."""
    table = report.token_table
    if table is None:
        return ""
    parts = [("Most collapsed tokens", table.most_collapsed), ("Least collapsed tokens", table.least_collapsed)]
    return f"<div class='tokens'>{''.join(_token_table(heading, records) for heading, records in parts)}</div>"


def comparison_table(comparison: Comparison) -> str:
    """Return the values side by side, the most collapsed marked, with what stands in the way of comparing them."""
    warnings = "".join(f"<p class='caution'>Not comparable as they are: {escape(w)}</p>" for w in comparison.warnings)
    head = "".join(f"<th scope='col' class='number'>{escape(name)}</th>" for name in comparison.names)
    losses = "".join(f"<td class='number'>{loss:.4f}</td>" for loss in comparison.losses)
    rows = []
    for compared in comparison.metrics:
        cells = []
        for place, metric in enumerate(compared.values):
            mark = ""
            if place == compared.most_collapsed:
                mark = (
                    "<span class='most' title='most collapsed'>●</span>"
                    if compared.clear is not False
                    else ("<span class='most' title='most collapsed, within two standard errors of the next'>○</span>")
                )
            cells.append(f"<td class='number'>{mark}{_value(metric) if metric else ''}</td>")
        rows.append(f"<tr><th scope='row'>{_name(compared.name)}</th>{''.join(cells)}</tr>")
    return (
        f"{warnings}<div class='scroll' tabindex='0' role='region' aria-label='Comparison'><table class='compared'>"
        f"<thead><tr><th scope='col'>Metric</th>{head}</tr></thead>"
        f"<tbody><tr><th scope='row'>loss <span class='what'>nats a token</span></th>{losses}</tr>{''.join(rows)}"
        "</tbody></table></div>"
        "<p class='legend'>● most collapsed · ○ the same, but within two standard errors of the next</p>"
        f"<p class='legend'>{escape(LEGEND)}</p>"
    )


def result_table(kept: Sequence[Kept]) -> str:
    """Return the earlier results, each with a link that opens it."""
    if not kept:
        return message("No result is kept yet: measure a model, and it will stand here.", "note")
    rows = "".join(_kept_row(each) for each in kept)
    return (
        "<div class='scroll' tabindex='0' role='region' aria-label='Earlier results'><table class='kept'>"
        "<thead><tr><th scope='col'>Model</th><th scope='col'>Text</th><th scope='col' class='number'>Tokens</th>"
        "<th scope='col' class='number'>NC1</th><th scope='col' class='number'>NC4</th>"
        "<th scope='col' class='number'>Loss</th><th scope='col'>Measured</th></tr></thead>"
        f"<tbody>{rows}</tbody></table></div>"
        "<p class='legend'>NC1: scatter within tokens over scatter between them, ↓ · NC4: agreement with the nearest "
        "mean, ↑</p>"
    )


def _head(said: Verdict) -> str:
    return said.headline.split(", ")[0].split(": ")[0]


def _rests(said: Verdict) -> str:
    return said.headline.removeprefix(_head(said)).lstrip(",: ").capitalize()


def _metric_row(report: Report, name: str, place: Place | None) -> str:
    formula = report.definitions.get(name, "")
    source = METRICS[name].source if name in METRICS else ""
    return (
        f"<tr><th scope='row'>{_name(name)}</th><td class='number' data-metric='{escape(name, quote=True)}'>"
        f"{_value(report.metrics[name])}</td><td>{_place(place)}</td>"
        f"<td class='definition'><code>{escape(formula)}</code><span>{escape(source)}</span></td></tr>"
    )


def _name(name: str) -> str:
    way = direction(name)
    return (
        f"<code>{escape(name)}</code><span class='arrow' title='{_DIRECTIONS[way]}'>{ARROWS[way]}"
        f"<span class='hidden'>{_DIRECTIONS[way]}</span></span><span class='what'>{escape(title(name))}</span>"
    )


def _value(metric: MetricValue) -> str:
    value, error = value_and_error(metric)
    return f"<b>{value}</b>{f' <i>± {error}</i>' if error else ''}"


def _place(place: Place | None) -> str:
    if place is None:
        return ""
    parts = []
    if place.published is not None:
        share = place.published
        words = f"more collapsed than about {share:.0%} of the published models"
        if share in (0.0, 1.0):
            words = f"{'more' if share else 'less'} collapsed than all published models"
        parts.append(f"<span class='place' aria-hidden='true'><span style='left:{share:.1%}'></span></span>{words}")
    if place.among:
        parts.append(f"more collapsed than {place.kept} of {place.among} kept here")
    return "<br>".join(parts)


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


def _kept_row(kept: Kept) -> str:
    question, report = kept.question, kept.report
    values = [report.metrics.get(name) for name in ("nc1_trace_ratio", "nc4_agreement")]
    cells = "".join(f"<td class='number'>{number(value.value) if value else ''}</td>" for value in values)
    commit = (report.model.commit or "")[:7]
    return (
        f"<tr><th scope='row'><a href='{escape(question.link, quote=True)}'>{escape(question.name)}</a>"
        f"<span class='what'>{escape(commit)}</span></th><td>{escape(question.corpus)}</td>"
        f"<td class='number'>{report.tokens:,}</td>{cells}<td class='number'>{report.loss:.4f}</td>"
        f"<td>{escape(report.created[:10])}</td></tr>"
    )
