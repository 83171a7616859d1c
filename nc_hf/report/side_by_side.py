"""Reports side by side on a terminal, as many as its width holds: a comparison, and a model over its revisions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from nc_hf.report.record import MetricValue
from nc_hf.report.several import ComparedMetric, ComparisonRecord, TrajectoryRecord
from nc_hf.report.terminal import arrow, curves, pairs, ruled_table, section
from nc_hf.report.words import (
    ARROWS,
    DIFFERENCE,
    LEGEND,
    by_family,
    compared_by_family,
    comparison_legend,
    direction,
    family_title,
    letter,
    number,
    phrases,
    with_error,
)

_NAME_WIDTH, _COLUMN_WIDTH = 34, 21
_GAP = 2  # characters between two columns
_BESIDE_CURVE = 55  # characters that name, direction, first and last value take
_BARE = "Standard errors are left out for want of room: Markdown, CSV and JSON hold them."
_MARKED = "? its standard error exceeds it"


class ComparisonTable:
    """Renders a comparison: letters for the reports, then as many of them side by side as the terminal holds."""

    def __init__(self, comparison: ComparisonRecord) -> None:
        """Keep what is to be shown."""
        self.comparison = comparison

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield warnings, reports and tables."""
        comparison = self.comparison
        if comparison.warnings:
            yield section("Not comparable as they are", pairs([("!", warning) for warning in comparison.warnings]))
        if comparison.notes:
            yield section("To know", pairs([("!", note) for note in comparison.notes]))
        reports = []
        for index, name in enumerate(comparison.names):
            outcomes = "; ".join(f"{what} {values[index]}" for what, values in comparison.outcomes)
            reports.append((letter(index), f"{name} ({outcomes})"))
        yield section("Reports", pairs(reports))
        abreast = max(1, (options.max_width - _NAME_WIDTH) // _COLUMN_WIDTH)
        for start in range(0, len(comparison.names), abreast):
            shown = range(start, min(start + abreast, len(comparison.names)))
            letters = ", ".join(letter(index) for index in shown)
            heading = "Metrics" if len(shown) == len(comparison.names) else f"Metrics of {letters}"
            yield section(heading, _compared_table(comparison, shown))
        yield Text(f"{LEGEND}\n{' · '.join(filter(None, (comparison_legend(comparison), DIFFERENCE)))}", style="dim")


class CourseTable:
    """Renders a trajectory: every value where all revisions fit side by side, else a curve from first to last.

    Standard errors are shown where they fit too; elsewhere the values that they exceed are marked or named.
    """

    def __init__(self, trajectory: TrajectoryRecord) -> None:
        """Keep what is to be shown."""
        self.trajectory = trajectory

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the course, then what stands in the way of reading it as one."""
        trajectory = self.trajectory
        yield Text(f"Neural collapse of {trajectory.model} over {len(trajectory.points)} revisions\n", style="bold")
        if trajectory.points:
            body, notes = self._course(options.max_width)
            yield section("Course", Group(body, Text(), *(Text(note, style="dim") for note in (LEGEND, *notes))))
        if trajectory.warnings:
            yield section("Not comparable as they are", pairs([("!", warning) for warning in trajectory.warnings]))
        if trajectory.repeats:
            yield section("Measured once", Group(*map(Text, trajectory.repeats)))
        if trajectory.failures:
            reasons = [(failure.revision, failure.reason) for failure in trajectory.failures]
            yield section("Not measured", pairs(reasons))

    def _course(self, width: int) -> tuple[RenderableType, list[str]]:
        """Return the fullest view that the width has room for, and notes on it."""
        trajectory = self.trajectory
        whole, bare = _cells(trajectory, with_error), _cells(trajectory, _marked)
        if _width(whole) <= width:
            return _course_table(whole), ["± one standard error"]
        doubtful = {
            name: sum(_is_doubtful(point.report.metrics.get(name)) for point in trajectory.points)
            for name in trajectory.metric_names
        }
        if _width(bare) <= width:
            return _course_table(bare), [_MARKED, _BARE] if any(doubtful.values()) else [_BARE]
        count = len(trajectory.points)
        named = [f"{name} at {times} of {count} revisions" for name, times in doubtful.items() if times]
        body = curves(_thinned(trajectory.values, width - _BESIDE_CURVE))
        return body, [f"The standard error exceeds the value: {', '.join(named)}.", _BARE] if named else [_BARE]


def _compared_table(comparison: ComparisonRecord, shown: Sequence[int]) -> Table:
    table = ruled_table()
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


def _cells(trajectory: TrajectoryRecord, write: Callable[[MetricValue], str]) -> list[list[str]]:
    """Lay the values out: a line of headings, then one line a metric."""
    points = trajectory.points
    lines = [["metric", "", *(point.revision for point in points)]]
    lines.append(["loss", ARROWS[direction("loss")], *(number(point.report.loss) for point in points)])
    for name in trajectory.metric_names:
        metrics = (point.report.metrics.get(name) for point in points)
        lines.append([name, ARROWS[direction(name)], *("" if metric is None else write(metric) for metric in metrics)])
    return lines


def _width(lines: Sequence[Sequence[str]]) -> int:
    """Return how many characters a table takes."""
    return sum(max(map(len, column)) + _GAP for column in zip(*lines, strict=True))


def _marked(metric: MetricValue) -> str:
    return f"{number(metric.value)}{' ?' if _is_doubtful(metric) else ''}"


def _is_doubtful(metric: MetricValue | None) -> bool:
    """Whether the standard error exceeds the value."""
    return metric is not None and metric.stderr is not None and metric.stderr > abs(metric.value)


def _thinned(values: dict[str, dict[str, float]], most: int) -> dict[str, dict[str, float]]:
    """Leave revisions out evenly, so that a curve of one character each is one line; first and last stay."""
    names = list(values)
    count = max(2, min(most, len(names)))
    places = [round(place * (len(names) - 1) / (count - 1)) for place in range(count)]
    return {names[place]: values[names[place]] for place in places}


def _course_table(lines: Sequence[Sequence[str]]) -> Table:
    table = ruled_table()
    for place, heading in enumerate(lines[0]):
        table.add_column(Text(heading), justify="right" if place > 1 else "left", no_wrap=True)
    for name, _, *values in lines[1:]:
        table.add_row(Text(name), arrow(name), *map(Text, values))
    return table
