"""What the page says around a report: a preview, progress and errors; all text is escaped."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING

from nc_hf.errors import NCError
from nc_hf.errors.remedies import FrontEnd
from nc_hf.report.charts import frequency_chart, layers_chart, plane_chart, token_chart
from nc_hf.report.html import html_definitions, html_metrics, html_summary
from nc_hf.report.html.charts import html_chart
from nc_hf.report.record import ReportRecord
from nc_hf.report.words import number
from nc_hf.runtime.progress import Progress
from nc_hf.space.faults import told
from nc_hf.space.queue import Waiting

if TYPE_CHECKING:
    from nc_hf.space.preview import Preview
    from nc_hf.space.service import Result

_LONG_MINUTES = 10
_MILLION = 1_000_000
_STAGES = {
    "resolving": "Looking the model up",
    "downloading": "Fetching the weights",
    "loading": "Loading the model",
    "packing": "Reading the text",
    "measuring": "Measuring",
    "computing": "Computing the metrics",
}


def sentence(fault: BaseException, front_end: FrontEnd) -> str:
    """Return what to tell a visitor; what was not foreseen goes to the log instead."""
    known = told(fault)
    if isinstance(known, NCError):
        return known.told(front_end)
    return f"Something failed that should not ({known}): try another model, or again later."


def message(text: str, kind: str = "error") -> str:
    """Return a message: an error is announced at once, a note when the reader pauses."""
    role = "alert" if kind == "error" else "status"
    return f'<div class="message {kind}" role="{role}">{escape(text)}</div>'


def progress(step: Waiting | Progress, prefix: str = "") -> str:
    """Return stage, share, rate and time to go, as text and as a bar."""
    if isinstance(step, Waiting):
        others = "one analysis" if step.ahead == 1 else f"{step.ahead} analyses"
        left = "" if step.seconds is None else f", which may take {duration(step.seconds)}"
        return _bar(f"{prefix}Waiting: {others} before this one{left}", None)
    words = prefix + _STAGES[step.stage]
    if not step.total:
        return _bar(f"{words} · {duration(step.seconds)}", None)
    share = min(1.0, step.done / step.total)
    if step.stage == "downloading":
        from nc_hf.hub.room import shown_bytes  # loaded by now; not before the page is served

        counted = f"{shown_bytes(step.done)} of {shown_bytes(step.total)}"
        rate = f"{shown_bytes(int(step.rate))}/s" if step.rate else duration(step.seconds)
    else:
        counted = f"{step.done:,} of {step.total:,} tokens"
        rate = f"{step.rate:,.0f} tokens/s" if step.rate else duration(step.seconds)
    left = "" if step.remaining is None else f"{duration(step.remaining)} to go"
    return _bar(" · ".join(part for part in (words, counted, rate, left) if part), share)


def duration(seconds: float) -> str:
    """Return a time as one says it.

    >>> duration(7.2), duration(75), duration(4000)
    ('7 s', '1 min 15 s', '67 min')
    """
    minutes, rest = divmod(round(seconds), 60)
    if minutes >= _LONG_MINUTES:
        return f"{seconds / 60:.0f} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


def preview_line(known: Preview) -> str:
    """Return what is known of a model before it is measured, in one line."""
    from nc_hf.hub.room import shown_bytes  # loaded by now; not before the page is served

    count = known.parameters
    parts = [f"{count:,} parameters" if count < _MILLION else f"{number(count / _MILLION, 3)} million parameters"]
    if known.size_bytes is not None:
        parts.append(f"{shown_bytes(known.size_bytes)} of weights")
    if known.kept:
        parts.append("measured before: its result opens at once")
    if known.seconds is not None:
        parts.append(f"about {duration(known.seconds)}, as long as analyses of such a size took here")
    if known.closed:
        parts.append(f"{known.closed}: you may read it, and the result is kept for nobody")
    return f"<p class='legend' role='status'>{escape(known.name)}: {escape(' · '.join(parts))}</p>"


def verdict_card(result: Result) -> str:
    """Return the top of the report, and whether it is new and kept."""
    note = "Measured before; the same question is answered at once." if result.kept else ""
    if not result.key:
        note = "Not kept: only you see this result."
    return html_summary(result.report, note, FrontEnd.PAGE)


def pictures(report: ReportRecord, others: Iterable[ReportRecord]) -> str:
    """Return the pictures of a report as figures that the page's script draws.

    Args:
        report: whose.
        others: of other models on the same text with the same options.
    """
    charts = [plane_chart(report, others), token_chart(report), frequency_chart(report)]
    if report.layers:
        charts.append(layers_chart(report))
    return "".join(map(html_chart, charts))


def metric_table(result: Result) -> str:
    """Return every metric, and their definitions folded away."""
    return html_metrics(result.report) + html_definitions(result.report)


def _bar(words: str, share: float | None) -> str:
    width = "" if share is None else f" style='width:{share:.1%}'"
    now = "" if share is None else f" aria-valuenow='{share * 100:.0f}'"
    return (
        f"<div class='progress{'' if share is not None else ' unknown'}'><p>{escape(words)}</p>"
        f"<div role='progressbar' aria-valuemin='0' aria-valuemax='100'{now} aria-label='{escape(words, quote=True)}'>"
        f"<span{width}></span></div></div>"
    )
