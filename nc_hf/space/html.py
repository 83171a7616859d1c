"""What the page says around a report: progress and errors, ranks, earlier results; all text is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from nc_hf.errors import NCError
from nc_hf.remedies import FrontEnd
from nc_hf.report.html import Column, html_metrics, html_verdict
from nc_hf.report.words import number
from nc_hf.runtime.progress import Progress
from nc_hf.space.faults import told
from nc_hf.space.queue import Waiting
from nc_hf.space.reference import Rank, caveat

if TYPE_CHECKING:
    from nc_hf.space.service import Result
    from nc_hf.space.store import StoredResult

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
        return _bar(f"{prefix}Waiting: {others} before this one", None)
    words = prefix + _STAGES[step.stage]
    if not step.total:
        return _bar(words, None)
    share = min(1.0, step.done / step.total)
    if step.stage == "downloading":
        from nc_hf.hub.room import shown_bytes  # loaded by now; not before the page is served

        counted = f"{shown_bytes(step.done)} of {shown_bytes(step.total)}"
        rate = f"{shown_bytes(int(step.rate))}/s" if step.rate else ""
    else:
        counted = f"{step.done:,} of {step.total:,} tokens"
        rate = f"{step.rate:,.0f} tokens/s" if step.rate else ""
    left = "" if step.remaining is None else f"{_duration(step.remaining)} to go"
    return _bar(" · ".join(part for part in (words, counted, rate, left) if part), share)


def verdict_card(result: Result) -> str:
    """Return the verdict, and whether it is new and kept."""
    note = "Measured before; the same question is answered at once." if result.kept else ""
    if not result.key:
        note = "Not kept: only you see this result."
    return html_verdict(result.report.name, result.verdict, note, FrontEnd.PAGE)


def metric_table(result: Result) -> str:
    """Return every metric, with its rank among the published models and among those kept here."""
    table = html_metrics(result.report, Column("Place", {name: _rank(rank) for name, rank in result.ranks.items()}))
    if all(rank.published is None for rank in result.ranks.values()):
        return table
    return f"{table}<p class=legend>{escape(caveat(result.report))}</p>"


def result_table(kept: Sequence[StoredResult]) -> str:
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


def _bar(words: str, share: float | None) -> str:
    width = "" if share is None else f" style='width:{share:.1%}'"
    now = "" if share is None else f" aria-valuenow='{share * 100:.0f}'"
    return (
        f"<div class='progress{'' if share is not None else ' unknown'}'><p>{escape(words)}</p>"
        f"<div role='progressbar' aria-valuemin='0' aria-valuemax='100'{now} aria-label='{escape(words, quote=True)}'>"
        f"<span{width}></span></div></div>"
    )


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


def _rank(rank: Rank) -> str:
    parts = []
    if rank.published is not None:
        share = rank.published
        words = f"more collapsed than about {share:.0%} of the published models"
        if share in (0.0, 1.0):
            words = f"{'more' if share else 'less'} collapsed than all published models"
        parts.append(f"<span class='rank' aria-hidden='true'><span style='left:{share:.1%}'></span></span>{words}")
    if rank.among:
        parts.append(f"more collapsed than {rank.kept} of {rank.among} kept here")
    return "<br>".join(parts)


def _kept_row(kept: StoredResult) -> str:
    request, report = kept.request, kept.report
    values = [report.metrics.get(name) for name in ("nc1_trace_ratio", "nc4_agreement")]
    cells = "".join(f"<td class='number'>{number(value.value) if value else ''}</td>" for value in values)
    commit = (report.model.commit or "")[:7]
    return (
        f"<tr><th scope='row'><a href='{escape(request.link, quote=True)}'>{escape(request.name)}</a>"
        f"<span class='what'>{escape(commit)}</span></th><td>{escape(request.corpus)}</td>"
        f"<td class='number'>{report.tokens:,}</td>{cells}<td class='number'>{report.loss:.4f}</td>"
        f"<td>{escape(report.created[:10])}</td></tr>"
    )
