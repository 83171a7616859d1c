"""A comparison as a terminal table that fits the width at hand, and as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from nc_hf.report.terminal import arrow, pairs, section
from nc_hf.report.words import COMPARISON_LEGEND, LEGEND, by_family, compared_by_family, family_title, letter, phrases

if TYPE_CHECKING:
    from nc_hf.report.comparison import Comparison
    from nc_hf.report.record import ComparedMetric

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
            (letter(index), f"{name} (loss {loss:.4f})")
            for index, (name, loss) in enumerate(zip(comparison.names, comparison.losses, strict=True))
        ]
        yield section("Reports", pairs(reports))
        abreast = max(1, (options.max_width - _NAME_WIDTH) // _COLUMN_WIDTH)
        for start in range(0, len(comparison.names), abreast):
            shown = range(start, min(start + abreast, len(comparison.names)))
            letters = ", ".join(letter(index) for index in shown)
            heading = "Metrics" if len(shown) == len(comparison.names) else f"Metrics of {letters}"
            yield section(heading, _table(comparison, shown))
        yield Text(f"{LEGEND}\n{COMPARISON_LEGEND}", style="dim")


def _table(comparison: Comparison, shown: Sequence[int]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, collapse_padding=True)
    table.add_column("metric", no_wrap=True)
    table.add_column("")
    for index in shown:
        table.add_column(letter(index), justify="right", no_wrap=True)
    family = ""
    for compared in compared_by_family(comparison):
        if not any(compared.values[index] for index in shown):
            continue
        mine = next(iter(by_family([compared.name])))
        if mine != family:
            table.add_row(Text(family_title(mine), style="bold"))
            family = mine
        table.add_row(Text(f"  {compared.name}"), arrow(compared.name), *(_cell(compared, index) for index in shown))
    return table


def _cell(compared: ComparedMetric, index: int) -> Text:
    value, difference = phrases(compared, index)
    text = Text(value, style="bold" if index == compared.most_collapsed else "")
    return text.append(f"\n{difference}", style="not bold dim") if difference else text
