"""Reports side by side: differences with their errors, the more collapsed one, and why they may not be comparable."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from nc_hf.errors import InputError
from nc_hf.report.codec import encode
from nc_hf.report.markdown import markdown_comparison
from nc_hf.report.record import ComparedMetric, MetricValue
from nc_hf.report.report import Report
from nc_hf.report.side_by_side import ComparisonTable
from nc_hf.report.words import direction

if TYPE_CHECKING:
    from rich.console import RenderableType

_MUST_AGREE: dict[str, tuple[Callable[[Report], object], str]] = {
    "corpus": (
        lambda report: report.corpus.fingerprint[:16],
        "the tokens differ, so classes and loss are not the same",
    ),
    "number of tokens": (lambda report: report.tokens, "most metrics depend on the number of tokens"),
    "min_count": (lambda report: report.classes.min_count, "the metrics speak of other classes"),
    "packing": (lambda report: report.corpus.packing, "the contexts are cut differently"),
    "shard": (lambda report: report.corpus.shard or "the whole", "one speaks of a part of what the other read"),
    "preset": (lambda report: report.preset, "each report has metrics that another lacks"),
    "dtype": (lambda report: report.model.dtype, "the features are rounded differently"),
}


@dataclass(frozen=True)
class Comparison:
    """What ``compare`` returns.

    Attributes:
        names: one a report, all different.
        losses: nats a token, one a report.
        metrics: in the order of the first report, then those that only others have.
        warnings: sentences that say why the numbers are not comparable; empty when they are.
    """

    names: tuple[str, ...]
    losses: tuple[float, ...]
    metrics: tuple[ComparedMetric, ...]
    warnings: tuple[str, ...]

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
        return ComparisonTable(self)


def compare(reports: Sequence[Report]) -> Comparison:
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
        warnings=tuple(_warnings(reports)),
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


def _warnings(reports: Sequence[Report]) -> Iterator[str]:
    for what, (of, why) in _MUST_AGREE.items():
        found = list(dict.fromkeys(str(of(report)) for report in reports))
        if len(found) > 1:
            yield f"{what} differs ({' / '.join(found)}): {why}."
    for name in dict.fromkeys(name for report in reports for name in report.definitions):
        if len({report.definitions[name] for report in reports if name in report.definitions}) > 1:
            yield f"the definition of {name} differs: the reports come from different versions of nc_hf."
    if len({report.agreement.leave_one_out for report in reports if report.agreement is not None}) > 1:
        yield "NC4 differs in kind: only some reports leave each token out of its own class centre."


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
