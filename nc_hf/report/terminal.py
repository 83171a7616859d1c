"""A report on the terminal: what it is of, the verdict, the values, then the tables, and last the circumstances."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from nc_hf.errors.remedies import FrontEnd
from nc_hf.report.record import MetricValue, ReportRecord
from nc_hf.report.summary import DIAL_HEADER, Dial, dials, facts
from nc_hf.report.verdict import Verdict, verdict
from nc_hf.report.words import (
    ARROWS,
    LEGEND,
    TOKEN_HEADER,
    TOKEN_NOTE,
    UNTRAINED,
    by_family,
    circumstances,
    direction,
    family_title,
    number,
    stratum_note,
    stratum_table,
    title,
    token_rows,
    value_and_error,
)

_ARROW_STYLES = {"down": "cyan", "up": "green", "none": "dim"}
_BARS = "▁▂▃▄▅▆▇█"


def report_table(report: ReportRecord, front_end: FrontEnd = FrontEnd.PYTHON) -> RenderableType:
    """Return the whole report for a terminal of any width from 80 columns, with the advice of a front end."""
    return Group(*_sections(report, front_end))


def metric_table(metrics: Mapping[str, MetricValue], untrained: Mapping[str, float] | None = None) -> RenderableType:
    """Return metrics grouped by family, each with its direction, value, standard error and the untrained model's."""
    table = ruled_table()
    table.add_column("metric", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("value", justify="right", no_wrap=True)
    uncertain = any(metric.stderr is not None for metric in metrics.values())
    table.add_column("± s.e." if uncertain else "", justify="right", no_wrap=True)
    if untrained:
        table.add_column(UNTRAINED, justify="right", style="dim", no_wrap=True)
    # Not no_wrap, so that on a narrow terminal this column alone gives way: a number cut short is another number.
    table.add_column("", style="dim")
    for family, names in by_family(metrics).items():
        table.add_row(Text(family_title(family), style="bold"))
        for name in names:
            value, error = value_and_error(metrics[name])
            what = Text(title(name), no_wrap=True, overflow="ellipsis")
            mark = [number(untrained[name]) if name in untrained else ""] if untrained else []
            table.add_row(Text(f"  {name}"), arrow(name), Text(value, style="bold"), error, *mark, what)
    return table


def ruled_table() -> Table:
    """Return an empty table in the style of every view: a rule below the header, no frame."""
    return Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, collapse_padding=True)


def arrow(name: str) -> Text:
    """Return the direction of a metric as a coloured arrow."""
    way = direction(name)
    return Text(ARROWS[way], style=_ARROW_STYLES[way])


def section(heading: str, body: RenderableType) -> RenderableType:
    """Return ``body`` under a heading, with a blank line after it."""
    return Group(Text(heading, style="bold magenta"), Padding(body, (0, 0, 1, 2)))


def pairs(entries: Sequence[tuple[str, RenderableType]]) -> RenderableType:
    """Return headings and phrases side by side; the phrases fold."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for heading, phrase in entries:
        grid.add_row(heading, Text(phrase) if isinstance(phrase, str) else phrase)
    return grid


def _sections(report: ReportRecord, front_end: FrontEnd) -> Iterator[RenderableType]:
    yield Text(f"Neural collapse of {report.name}", style="bold")
    yield Text()
    yield Padding(pairs(facts(report)), (0, 0, 1, 2))
    yield section("Verdict", _verdict(verdict(report), front_end))
    if shown := dials(report):
        yield section("Dials", _dial_table(shown))
    metrics = metric_table(report.metrics, report.untrained)
    yield section(f"Metrics ({report.preset})", Group(metrics, Text(), Text(LEGEND, style="dim")))
    if report.strata:
        header, rows = stratum_table(report)
        yield section("By class frequency", _columns(header, {"": rows}, stratum_note(report.strata)))
    if report.token_table is not None:
        table = report.token_table
        ends = {"most collapsed": table.most_collapsed, "least collapsed": table.least_collapsed}
        groups = {heading: token_rows(records) for heading, records in ends.items()}
        yield section("Tokens", _columns(TOKEN_HEADER, groups, TOKEN_NOTE))
    if report.layers:
        yield section("Over the layers", _layer_curves(report.layers))
    if report.diagnostics:
        yield section("Diagnostics", pairs([(name, number(value)) for name, value in report.diagnostics.items()]))
    yield section("Circumstances", pairs(circumstances(report)))


def _verdict(said: Verdict, front_end: FrontEnd) -> RenderableType:
    """Return the headline, the answers with their reasons, and the cautions."""
    findings = (
        Text.assemble(finding.question, " ", (f"{finding.answer}.", "bold"), " ", finding.reason)
        for finding in said.findings
    )
    warnings = pairs([("!", warning) for warning in said.warnings(front_end)])
    return Group(Text(said.headline, style="bold"), *findings, *([warnings] if said.cautions else []))


def _dial_table(shown: Sequence[Dial]) -> RenderableType:
    """Return one row a dial: its value, its interval, the untrained model's, and the limits of the verdict."""
    table = ruled_table()
    table.add_column("")
    table.add_column("")
    for heading in DIAL_HEADER:
        table.add_column(heading, justify="right", no_wrap=True)
    for dial in shown:
        value, *rest = dial.row
        table.add_row(dial.title, arrow(dial.name), Text(value, style="bold"), *rest)
    return table


def _layer_curves(layers: Mapping[str, Mapping[str, MetricValue]]) -> RenderableType:
    """Return a curve for every metric, and where there are errors a note on who has the room to show them."""
    body = curves({layer: {name: metric.value for name, metric in found.items()} for layer, found in layers.items()})
    if all(metric.stderr is None for metrics in layers.values() for metric in metrics.values()):
        return body
    return Group(body, Text(), Text("Standard errors by layer: Markdown and JSON hold them.", style="dim"))


def curves(states: Mapping[str, Mapping[str, float]]) -> RenderableType:
    """Return, for every metric, its first value, its curve over the states (layers, revisions) and its last value.

    A state that lacks the metric is blank.
    """
    table = ruled_table()
    first, *_, last = states if len(states) > 1 else (*states, *states)
    table.add_column("metric", no_wrap=True)
    table.add_column("")
    table.add_column(Text(first), justify="right", no_wrap=True)
    table.add_column("", overflow="fold")
    table.add_column(Text(last), no_wrap=True)
    for name in dict.fromkeys(name for values in states.values() for name in values):
        curve = [values.get(name, math.nan) for values in states.values()]
        ends = ["" if name not in states[end] else number(states[end][name]) for end in (first, last)]
        table.add_row(Text(name), arrow(name), ends[0], Text(_sparkline(curve), "cyan"), ends[1])
    return table


def _columns(header: Sequence[str], groups: Mapping[str, Sequence[Sequence[str]]], note: str) -> RenderableType:
    """Return groups of rows under one header, words to the left and numbers to the right, and a note below."""
    table = ruled_table()
    for name in header:
        table.add_column(name, justify="left" if name.endswith("token") else "right", overflow="fold")
    for heading, rows in groups.items():
        if heading:
            table.add_row(Text(heading, style="bold"))
        for row in rows:
            table.add_row(*map(Text, row))
    return Group(table, Text(), Text(note, style="dim"))


def _sparkline(values: Sequence[float]) -> str:
    """Draw values as bars from their smallest to their largest; a blank for one that is not finite."""
    finite = [value for value in values if math.isfinite(value)]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    step = (high - low) / (len(_BARS) - 1) or 1.0
    return "".join(_BARS[round((value - low) / step)] if math.isfinite(value) else " " for value in values)
