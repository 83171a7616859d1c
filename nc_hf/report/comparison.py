"""Reports side by side: differences with their errors, and the more collapsed one."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from nc_hf.errors import InputError
from nc_hf.metrics.jackknife import jackknife_error, t_quantile
from nc_hf.metrics.table import METRICS
from nc_hf.report.cautions import cautions
from nc_hf.report.codec import encode
from nc_hf.report.comparability import differing_circumstances, one_model
from nc_hf.report.intervals import groups_of
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
        said = {"names": list(self.names), "warnings": list(self.warnings), "notes": list(self.notes)}
        bits = dict(zip(self.names, self.bits_per_byte, strict=True))
        return encode({**said, "losses": losses, "bits_per_byte": bits, "metrics": metrics})

    def to_markdown(self) -> str:
        """Return a table for a model card or an issue."""
        return markdown_comparison(self)

    def to_table(self) -> RenderableType:
        """Return the comparison for a terminal."""
        from nc_hf.report.side_by_side import ComparisonTable

        return ComparisonTable(self)


def compare(reports: Sequence[ReportRecord]) -> Comparison:
    """Lay reports side by side and say what stands in the way of comparing them.

    Where something does, no report is marked as the most collapsed; one that leaves no verdict never is.

    Raises:
        InputError: fewer than two reports.
    """
    if len(reports) < 2:
        raise InputError(f"a comparison takes two reports or more, not {len(reports)}: name another report.")
    names = dict.fromkeys(name for report in reports for name in report.metrics)
    unique, warnings = _unique([report.name for report in reports]), tuple(differing_circumstances(reports))
    voids = [next((caution.voids for caution in cautions(report) if caution.voids), "") for report in reports]
    rivals = [] if warnings else [index for index, void in enumerate(voids) if not void]
    no_verdict = [f"{name} has no verdict: {void}." for name, void in zip(unique, voids, strict=True) if void]
    return Comparison(
        names=unique,
        losses=tuple(report.loss for report in reports),
        metrics=tuple(_compared(name, reports, rivals) for name in names),
        warnings=warnings,
        notes=(*one_model(reports, unique), *no_verdict),
        bits_per_byte=tuple(report.bits_per_byte for report in reports),
    )


def difference(name: str, report: ReportRecord, other: ReportRecord) -> MetricValue | None:
    """Return what a metric, ``loss`` or ``accuracy`` has more in one report than in another, with its standard error.

    Reports of the same tokens err together: there the error is the jackknife's over the differences of their
    replicates, group by group. Else the two errors are added in squares, as of independent measurements; and so they
    are of a metric that is not smooth, for whose differences the jackknife is far too small (docs/metrics.md).
    """
    mine, theirs = value_of(name, report), value_of(name, other)
    if mine is None or theirs is None:
        return None
    stderr = None
    if pairs := _pairs(name, report, other):
        stderr = jackknife_error([a - b for a, b in pairs])
    elif mine.stderr is not None and theirs.stderr is not None:
        stderr = math.hypot(mine.stderr, theirs.stderr)
    return MetricValue(mine.value - theirs.value, stderr)


def is_clear(lead: MetricValue, report: ReportRecord, other: ReportRecord) -> bool | None:
    """Whether the 95 % interval of a difference leaves out 0; None where its error is not known."""
    if lead.stderr is None or math.isnan(lead.stderr):
        return None
    groups = min(groups_of(report), groups_of(other))
    return abs(lead.value) > t_quantile(groups) * lead.stderr


def value_of(name: str, report: ReportRecord) -> MetricValue | None:
    """Return a metric, ``loss`` or ``accuracy``, if the report has it."""
    if name == "loss":
        return report.outcome("loss")
    return report.outcome("accuracy") if name == "accuracy" else report.metrics.get(name)


def _pairs(name: str, report: ReportRecord, other: ReportRecord) -> list[tuple[float, float]]:
    """Return the replicates of two reports of the same tokens, side by side; nothing of others, or if they mislead."""
    if name in METRICS and not METRICS[name].smooth:
        return []
    same = (report.corpus.fingerprint, report.corpus.shard) == (other.corpus.fingerprint, other.corpus.shard)
    if not same or report.errors is None or other.errors is None:
        return []
    mine, theirs = report.errors.replicates.get(name, []), other.errors.replicates.get(name, [])
    return list(zip(mine, theirs, strict=True)) if len(mine) == len(theirs) else []


def _compared(name: str, reports: Sequence[ReportRecord], rivals: Sequence[int]) -> ComparedMetric:
    first, *others = reports
    differences = (None, *(difference(name, other, first) for other in others))
    values = tuple(report.metrics.get(name) for report in reports)
    return ComparedMetric(name, values, differences, *_foremost(name, reports, rivals))


def _foremost(name: str, reports: Sequence[ReportRecord], rivals: Sequence[int]) -> tuple[int | None, bool | None]:
    """Return the index of the most collapsed of the reports that may be it, and whether its lead is clear."""
    sign = {"down": -1.0, "up": 1.0, "none": 0.0}[direction(name)]
    places = [
        (sign * metric.value, index)
        for index in rivals
        if (metric := reports[index].metrics.get(name)) is not None and not math.isnan(metric.value)
    ]
    if not sign or len(places) < 2:
        return None, None
    (best, first), (next_best, second) = sorted(places, reverse=True)[:2]
    if math.isclose(best, next_best, rel_tol=1e-9):
        return None, None
    lead = difference(name, reports[first], reports[second])
    return first, None if lead is None else is_clear(lead, reports[first], reports[second])


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
