"""Earlier results as HTML: a table whose rows say what they are sorted and filtered by; all text is escaped."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from nc_hf.metrics.table import METRICS
from nc_hf.report.record import MetricValue
from nc_hf.report.verdict import HEADLINES, Verdict, verdict
from nc_hf.report.words import ARROWS, direction, short_commit, title, with_error
from nc_hf.space.html import message
from nc_hf.space.settings import MAX_COMPARED

if TYPE_CHECKING:
    from nc_hf.space.store import StoredResult

MEASURED = ("nc1_trace_ratio", "gnc2_log_std_ratio", "nc3_cos_mean_centred", "nc4_agreement")
"""Metrics that stand in the table, one a family."""

SHOWN = 100
"""Rows that are shown at first; more of them would hold a telephone up."""

_LEVELS = list(HEADLINES)  # from the most collapsed down; the last one leaves no verdict
_FIRST = {"down": "ascending", "up": "descending", "none": "descending"}  # the most collapsed come to the top
_NOTHING = "No result is kept yet: measure a model, and it will stand here."


def earlier_table(kept: Sequence[StoredResult]) -> str:
    """Return the results, the newest first, with what filters them and what compares those that are ticked.

    Each cell says in ``data-sort`` what it is sorted by, nothing where there is no value; ``earlier.js`` does the rest.
    """
    if not kept:
        return message(_NOTHING, "note")
    rows = "".join(_row(each, verdict(each.report)) for each in kept)
    return (
        f"{_filters(kept)}<div class='scroll' tabindex='0' role='region' aria-label='Earlier results'>"
        f"<table class='kept'><caption class='hidden'>Earlier results</caption><thead><tr>"
        f"<th scope='col' class='tick'><span class='hidden'>Compare</span></th>{_headings()}</tr></thead>"
        f"<tbody>{rows}</tbody></table></div>"
        f"<button type='button' class='more' data-first='{SHOWN}' hidden>Show all</button>{_legend()}"
    )


def _filters(kept: Sequence[StoredResult]) -> str:
    texts = dict.fromkeys(sorted(each.request.corpus for each in kept))
    budgets = {f"{each:,}": str(each) for each in sorted({each.request.max_tokens for each in kept})}
    return (
        "<div class='filters'>"
        "<label>Model<input type='search' data-filter='model' autocomplete='off' spellcheck='false' "
        "placeholder='a part of its name'></label>"
        f"{_choice('Text', 'text', dict(zip(texts, texts, strict=True)))}{_choice('Token budget', 'budget', budgets)}"
        f"<button type='button' class='compare' aria-describedby='earlier-ticked'>Compare</button></div>"
        f"<p class='legend'><span role='status' class='count'></span> <span role='status' id='earlier-ticked' "
        f"class='ticked' data-most='{MAX_COMPARED}'></span></p>"
    )


def _choice(label: str, name: str, values: dict[str, str]) -> str:
    options = "".join(f"<option value='{escape(value)}'>{escape(shown)}</option>" for shown, value in values.items())
    return f"<label>{label}<select data-filter='{name}'><option value=''>All</option>{options}</select></label>"


def _headings() -> str:
    of_metrics = (
        (f"{METRICS[name].family} {ARROWS[direction(name)]}", "ranked number", _FIRST[direction(name)], title(name))
        for name in MEASURED
    )
    columns = [
        ("Model", "", "ascending", ""),
        ("Text", "", "ascending", ""),
        ("Tokens", "ranked number", "descending", ""),
        ("Verdict", "ranked", "descending", ""),
        ("Loss", "ranked number", "ascending", "nats a token"),
        *of_metrics,
        ("Measured", "date", "descending", ""),
    ]
    return "".join(_heading(*column) for column in columns)


def _heading(words: str, kind: str, first: str, said: str) -> str:
    """Return a heading that sorts; ``first`` is the order that a first press brings."""
    sorted_by = " aria-sort='descending'" if kind == "date" else ""
    return (
        f"<th scope='col' class='{kind}' data-first='{first}'{sorted_by}>"
        f"<button type='button' title='{escape(said)}'>{escape(words)}</button></th>"
    )


def _row(kept: StoredResult, said: Verdict) -> str:
    request, report = kept.request, kept.report
    alike = f"{request.corpus} {request.max_tokens} {request.preset}"  # what may be ticked together
    name, commit = request.name, short_commit(report.model.commit or "")
    read = f"<span class='what'>{report.tokens:,} read</span>" if report.tokens != request.max_tokens else ""
    level = "" if said.level == _LEVELS[-1] else str(-_LEVELS.index(said.level))
    cells = [
        f"<th scope='row' {_sort(name.lower())}><a href='?result={escape(kept.key)}'>{escape(name)}</a>"
        f"<span class='what'>{escape(commit)}</span></th>",
        f"<td data-label='Text' {_sort(request.corpus)}>{escape(request.corpus)}"
        f"<span class='what'>{escape(request.preset)}</span></td>",
        f"<td data-label='Tokens' class='number' {_sort(str(request.max_tokens))}>{request.max_tokens:,}{read}</td>",
        f"<td data-label='Verdict' {_sort(level)}>{escape(said.title)}</td>",
        _number("Loss", report.outcome("loss")),
        *(_number(METRICS[metric].family, report.metrics.get(metric)) for metric in MEASURED),
        f"<td data-label='Measured' class='date' {_sort(report.created)}>{escape(report.created[:10])}</td>",
    ]
    return (
        f"<tr data-model='{escape(name.lower())}' data-text='{escape(request.corpus)}' "
        f"data-budget='{request.max_tokens}' data-alike='{escape(alike)}'><td class='tick'>"
        f"<input type='checkbox' value='{escape(kept.key)}' aria-label='Compare {escape(name)}, {escape(commit)}'>"
        f"</td>{''.join(cells)}</tr>"
    )


def _number(label: str, metric: MetricValue | None) -> str:
    value, _, error = with_error(metric).partition(" ") if metric is not None else ("", "", "")
    by = repr(float(metric)) if metric is not None and math.isfinite(metric.value) else ""
    below = f"<span class='what'>{escape(error)}</span>" if error else ""
    return f"<td data-label='{escape(label)}' class='number' {_sort(by)}>{escape(value)}{below}</td>"


def _sort(by: str) -> str:
    return f"data-sort='{escape(by)}'"


def _legend() -> str:
    said = " · ".join(f"{METRICS[name].family} {ARROWS[direction(name)]} {name}" for name in MEASURED)
    return f"<p class='legend'>Loss in nats a token · {escape(said)} · ± one standard error</p>"
