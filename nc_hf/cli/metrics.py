"""``nc-hf metrics``: every metric with its direction, presets and formula."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nc_hf.metrics.table import FAMILIES, METRICS, PRESETS, Metric

if TYPE_CHECKING:
    from rich.text import Text


def _begun(incomplete: str) -> list[str]:
    """Complete a name in the shell."""
    return [name for name in (*PRESETS, *METRICS) if name.startswith(incomplete)]


def metrics_command(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME ...]",
            help="Only these metrics and presets, with source, needs and invariances; all, in short, without any.",
            autocompletion=_begun,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of words.")] = False,
) -> None:
    """List the metrics: name, direction, presets, what it is, formula.

    ↓ smaller is more collapsed, ↑ larger is more collapsed, — no direction.
    """
    from rich.console import Console
    from rich.padding import Padding
    from rich.text import Text

    from nc_hf.metrics.naming import metric_names

    asked = {one for name in names or ["full"] for one in metric_names(name if name in PRESETS else [name])}
    chosen = [metric for name, metric in METRICS.items() if name in asked]
    if as_json:
        typer.echo(json.dumps([_record(metric) for metric in chosen], indent=2, ensure_ascii=False))
        return
    console = Console()
    for indent, line in _lines(chosen, whole=bool(names)):
        if console.is_terminal:
            console.print(Padding(line, (0, 0, 0, indent)))
        else:  # a file has no width that a formula would have to fit into
            console.print(Text(" " * indent).append(line), soft_wrap=True)


def _record(metric: Metric) -> dict[str, Any]:
    """Return a row of the table as JSON has it, with its presets and without what only nc_hf's code asks of it."""
    told = ("name", "family", "title", "direction", "formula", "source", "needs", "changed_by", "qualifies")
    row = asdict(metric)
    return {name: row[name] for name in told} | {"presets": metric.presets}


def _lines(metrics: Sequence[Metric], whole: bool) -> Iterator[tuple[int, Text]]:
    """Yield a heading for each family, and of each of its metrics what it is and how it is computed, farther in."""
    from rich.text import Text

    from nc_hf.report.terminal import arrow
    from nc_hf.report.words import by_family, family_title

    for family, names in by_family(metric.name for metric in metrics).items():
        yield 0, Text(f"{family_title(family)}: {FAMILIES[family].meaning}", style="bold")
        for metric in map(METRICS.__getitem__, names):
            mine = f"  [{', '.join(metric.presets)}]" if metric.presets else ""
            yield 2, Text.assemble(arrow(metric.name), " ", (metric.name, "cyan"), f"  {metric.title}", (mine, "green"))
            for line in (metric.formula, *(_details(metric) if whole else ())):
                yield 6, Text(line, style="dim")
        yield 0, Text()


def _details(metric: Metric) -> Iterator[str]:
    """Yield what a list of all leaves out."""
    yield f"source: {metric.source}"
    if metric.needs:
        yield f"needs, beyond the statistics: {', '.join(metric.needs)}"
    if metric.changed_by:
        yield f"changed by: {', '.join(change.replace('_', ' ') for change in metric.changed_by)}"
    if metric.qualifies:
        yield f"qualifies: {', '.join(metric.qualifies)}"
