"""A comparison as a terminal table that fits the width at hand, and as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from nc_hf.report.card import code, markdown_table, plain
from nc_hf.report.table import arrow, pairs, section
from nc_hf.report.words import ARROWS, LEGEND, by_family, direction, family_title, value_and_error

if TYPE_CHECKING:
    from nc_hf.report.comparison import ComparedMetric, Comparison
    from nc_hf.report.record import MetricValue

_LEGEND = "● most collapsed · ○ the same, but within 2 s.e. of the next · Δ difference to A"
_NAME_WIDTH, _COLUMN_WIDTH = 34, 21


class ComparisonTable:
    """Renders a comparison: letters for the reports, then as many of them side by side as the terminal holds."""

    def __init__(self, comparison: Comparison) -> None:
        """Keep what is to be shown."""
        self.comparison = comparison

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield warnings, reports and tables."""
        comparison = self.comparison
        if comparison.warnings:
            yield section("Not comparable as they are", pairs([("!", warning) for warning in comparison.warnings]))
        reports = [
            (_letter(index), f"{name} (loss {loss:.4f})")
            for index, (name, loss) in enumerate(zip(comparison.names, comparison.losses, strict=True))
        ]
        yield section("Reports", pairs(reports))
        abreast = max(1, (options.max_width - _NAME_WIDTH) // _COLUMN_WIDTH)
        for start in range(0, len(comparison.names), abreast):
            shown = range(start, min(start + abreast, len(comparison.names)))
            letters = ", ".join(_letter(index) for index in shown)
            heading = "Metrics" if len(shown) == len(comparison.names) else f"Metrics of {letters}"
            yield section(heading, _table(comparison, shown))
        yield Text(f"{LEGEND}\n{_LEGEND}", style="dim")


def markdown_comparison(comparison: Comparison) -> str:
    """Return the comparison as Markdown."""
    letters = [_letter(index) for index in range(len(comparison.names))]
    reports = [
        (letter, code(name), f"{loss:.4f}")
        for letter, name, loss in zip(letters, comparison.names, comparison.losses, strict=True)
    ]
    rows = []
    for compared in _by_family(comparison):
        cells = []
        for index in range(len(letters)):
            value, difference = _phrases(compared, index)
            cells.append(f"{value}<br>{difference}" if difference else value)
        rows.append([code(compared.name), ARROWS[direction(compared.name)], *cells])
    parts = ["## Neural collapse compared"]
    parts += [f"> **Not comparable as they are**: {plain(warning)}" for warning in comparison.warnings]
    parts += [
        markdown_table(["", "report", "loss"], reports),
        markdown_table(["metric", "", *letters], rows),
        f"{LEGEND} · {_LEGEND}",
    ]
    return "\n\n".join(parts) + "\n"


def _table(comparison: Comparison, shown: Sequence[int]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, collapse_padding=True)
    table.add_column("metric", no_wrap=True)
    table.add_column("")
    for index in shown:
        table.add_column(_letter(index), justify="right", no_wrap=True)
    family = ""
    for compared in _by_family(comparison):
        if not any(compared.values[index] for index in shown):
            continue
        mine = next(iter(by_family([compared.name])))
        if mine != family:
            table.add_row(Text(family_title(mine), style="bold"))
            family = mine
        table.add_row(Text(f"  {compared.name}"), arrow(compared.name), *(_cell(compared, index) for index in shown))
    return table


def _cell(compared: ComparedMetric, index: int) -> Text:
    value, difference = _phrases(compared, index)
    text = Text(value, style="bold" if index == compared.most_collapsed else "")
    return text.append(f"\n{difference}", style="not bold dim") if difference else text


def _phrases(compared: ComparedMetric, index: int) -> tuple[str, str]:
    """Return a report's value, marked if foremost, and its difference to the first, each with its error where known."""
    metric, difference = compared.values[index], compared.differences[index]
    value = _phrase(metric) if metric else ""
    if index == compared.most_collapsed:
        value = f"{'○' if compared.clear is False else '●'} {value}"
    return value, f"Δ {_phrase(difference, '+')}" if difference else ""


def _phrase(metric: MetricValue, sign: str = "") -> str:
    value, error = value_and_error(metric)
    value = value if value.startswith("-") else f"{sign}{value}"
    return f"{value} ± {error}" if error else value


def _by_family(comparison: Comparison) -> Iterator[ComparedMetric]:
    by_name = {compared.name: compared for compared in comparison.metrics}
    for names in by_family(by_name).values():
        yield from (by_name[name] for name in names)


def _letter(index: int) -> str:
    """Name the reports A to Z, then A2, B2, ...

    >>> _letter(0), _letter(27)
    ('A', 'B2')
    """
    turn, place = divmod(index, 26)
    return chr(ord("A") + place) + (str(turn + 1) if turn else "")
