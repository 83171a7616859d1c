"""The top of a report as HTML: the facts, the verdict as a card, and the dials."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from nc_hf.errors.remedies import FrontEnd
from nc_hf.report.html.parts import arrow
from nc_hf.report.record import ReportRecord
from nc_hf.report.summary import Dial, Scale, dials, facts
from nc_hf.report.verdict import Verdict, verdict
from nc_hf.report.words import number

_READING = "to the right is more collapsed · bar: 95 % interval · ticks: limits of the verdict"
_UNTRAINED = " · hollow: untrained"


def html_summary(report: ReportRecord, note: str = "", front_end: FrontEnd | None = None) -> str:
    """Return what was measured, the verdict, and the dials.

    Args:
        report: whose.
        note: a remark below the verdict.
        front_end: whose remedies go with the cautions; none by default.
    """
    rows = "".join(f"<div><dt>{heading}</dt><dd>{escape(phrase)}</dd></div>" for heading, phrase in facts(report))
    head = f"<header><p class='subject'>{escape(report.name)}</p><dl class='facts'>{rows}</dl></header>"
    return f"{head}{html_verdict(verdict(report), note, front_end)}{html_dials(dials(report))}"


def html_verdict(verdict: Verdict, note: str = "", front_end: FrontEnd | None = None) -> str:
    """Return a verdict as a card: the headline, the findings and the cautions.

    Args:
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
    remark = f"<p class=note>{escape(note)}</p>" if note else ""
    listed = f"<ul>{findings}</ul>" if findings else ""
    return (
        f"<section class='verdict {verdict.level}' aria-label='Verdict'><h2>{escape(verdict.title)}</h2>"
        f"<p class='rests'>{escape(verdict.basis)}</p>{listed}{cautions}{remark}</section>"
    )


def html_dials(shown: Sequence[Dial]) -> str:
    """Return the dials; nothing where there is none."""
    if not shown:
        return ""
    legend = _READING + (_UNTRAINED if any(dial.untrained is not None for dial in shown) else "")
    items = "".join(map(_dial, shown))
    return f"<section class='dials' aria-label='Dials'><ul>{items}</ul><p class='legend'>{legend}</p></section>"


def _dial(dial: Dial) -> str:
    between = f" <i>{escape(dial.between)}</i>" if dial.between else ""
    untrained = f"untrained {number(dial.untrained)}" if dial.untrained is not None else ""
    below = " · ".join(filter(None, (dial.answer, untrained)))
    return (
        f"<li><p class='of'>{escape(dial.title)}{arrow(dial.name)}</p>"
        f"<p class='value' data-dial='{escape(dial.name, quote=True)}'><b>{escape(dial.value)}</b>{between}</p>"
        f"{_gauge(dial, dial.scale) if dial.scale else ''}<p class='answer'>{escape(below)}</p></li>"
    )


def _gauge(dial: Dial, scale: Scale) -> str:
    """Draw the dial: what is at its left end is the least collapsed."""
    marks = "".join(f"<span class='limit' style='left:{scale.place(limit):.1%}'></span>" for limit in dial.limits)
    if dial.interval:
        low, high = sorted(map(scale.place, dial.interval))
        marks += f"<span class='interval' style='left:{low:.1%};width:{high - low:.1%}'></span>"
    if dial.untrained is not None:
        marks += f"<span class='untrained' style='left:{scale.place(dial.untrained):.1%}'></span>"
    marks += f"<span class='mark' style='left:{scale.place(dial.metric.value):.1%}'></span>"
    return f"<div class='gauge' role='img' aria-label='{escape(dial.sentence, quote=True)}'>{marks}</div>"
