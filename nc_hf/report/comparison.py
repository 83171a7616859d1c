"""Reports side by side: differences with their errors, and the more collapsed one."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from nc_hf.errors import InputError
from nc_hf.report.codec import encode
from nc_hf.report.comparability import differing_circumstances
from nc_hf.report.markdown import markdown_comparison
from nc_hf.report.record import MetricValue, ReportRecord
from nc_hf.report.several import ComparedMetric, ComparisonRecord
from nc_hf.report.words import direction

if TYPE_CHECKING:
    from rich.console import RenderableType


@dataclass(frozen=True)
class Comparison(ComparisonRecord):
    """What ``compare`` returns: the entries of ``ComparisonRecord`` and the forms in which to show them."""

    def to_dict(self) -> dict[str, Any]:
        """Return strict JSON's form, NaN and infinities as in a report."""
        metrics = {
            compared.name: {
                "direction": direction(compared.name),
                "values": _by_name(self.names, compared.values),
                "differences": _by_name(self.names, compared.differences),
                "most_collapsed": None if compared.most_collapsed is None else self.names[compared.most_collapsed],
                "clear": compared.clear,
            }
            for compared in self.metrics
        }
        losses = dict(zip(self.names, self.losses, strict=True))
        return encode(
            {"names": list(self.names), "warnings": list(self.warnings), "losses": losses, "metrics": metrics}
        )

    def to_markdown(self) -> str:
        """Return a table for a model card or an issue."""
        return markdown_comparison(self)

    def to_table(self) -> RenderableType:
        """Return the comparison for a terminal."""
        from nc_hf.report.side_by_side import ComparisonTable

        return ComparisonTable(self)


def compare(reports: Sequence[ReportRecord]) -> Comparison:
    """Lay reports side by side and say what stands in the way of comparing them.

    Raises:
        InputError: fewer than two reports.
    """
    if len(reports) < 2:
        raise InputError(f"a comparison takes two reports or more, not {len(reports)}: name another report.")
    names = dict.fromkeys(name for report in reports for name in report.metrics)
    return Comparison(
        names=_unique([report.name for report in reports]),
        losses=tuple(report.loss for report in reports),
        metrics=tuple(_compared(name, [report.metrics.get(name) for report in reports]) for name in names),
        warnings=tuple(differing_circumstances(reports)),
    )


def _compared(name: str, values: Sequence[MetricValue | None]) -> ComparedMetric:
    differences = tuple(_difference(value, values[0]) for value in values)
    return ComparedMetric(name, tuple(values), differences, *_foremost(name, values))


def _difference(value: MetricValue | None, first: MetricValue | None) -> MetricValue | None:
    if value is None or first is None or value is first:
        return None
    errors = (value.stderr, first.stderr)
    stderr = None if errors[0] is None or errors[1] is None else math.hypot(errors[0], errors[1])
    return MetricValue(value.value - first.value, stderr)


def _foremost(name: str, values: Sequence[MetricValue | None]) -> tuple[int | None, bool | None]:
    """Return the index of the most collapsed report, and whether its lead is clear."""
    sign = {"down": -1.0, "up": 1.0, "none": 0.0}[direction(name)]
    places = [
        (sign * metric.value, index)
        for index, metric in enumerate(values)
        if metric is not None and not math.isnan(metric.value)
    ]
    if not sign or len(places) < 2:
        return None, None
    (best, first), (next_best, second) = sorted(places, reverse=True)[:2]
    if math.isclose(best, next_best, rel_tol=1e-9):
        return None, None
    lead = _difference(values[first], values[second])
    return first, None if lead is None or lead.stderr is None else abs(lead.value) > 2 * lead.stderr


def _unique(names: Sequence[str]) -> tuple[str, ...]:
    """Number the names that occur more than once."""
    total, seen = Counter(names), Counter[str]()
    unique = []
    for name in names:
        seen[name] += 1
        unique.append(f"{name} ({seen[name]})" if total[name] > 1 else name)
    return tuple(unique)


def _by_name(names: Sequence[str], values: Sequence[MetricValue | None]) -> dict[str, Any]:
    return {name: None if value is None else asdict(value) for name, value in zip(names, values, strict=True)}
