"""Intervals in which 95 % of other samples of the text would put a value, in every form of a report the same."""

from __future__ import annotations

import math

from nc_hf.metrics.jackknife import t_quantile
from nc_hf.metrics.table import METRICS
from nc_hf.report.record import MetricValue, ReportRecord
from nc_hf.report.words import decimals, number

_GROUPS = 10
"""Of the errors of reports that do not say it: there were ten before schema 4."""


def groups_of(report: ReportRecord) -> int:
    """Return how many groups of text the standard errors of a report come from."""
    return _GROUPS if report.errors is None else report.errors.groups


def interval(name: str, metric: MetricValue, groups: int) -> tuple[float, float] | None:
    """Return both ends of the 95 % interval: value ± Student's t standard errors, or the bound of a share of 0 or 1.

    What cannot be negative, or is a share, has no interval beyond that.

    Args:
        name: of the metric, or ``loss``.
        metric: its value.
        groups: that its error comes from.

    Returns:
        None where no error is known.

    >>> [round(end, 3) for end in interval("nc4_agreement", MetricValue(0.98, 0.02), 10)]
    [0.935, 1.0]
    """
    if metric.bound is not None:
        return (0.0, metric.bound) if metric.value < 0.5 else (1.0 - metric.bound, 1.0)
    if metric.stderr is None or not math.isfinite(metric.value) or not math.isfinite(metric.stderr):
        return None
    reach = t_quantile(groups) * metric.stderr
    known = METRICS.get(name)
    lowest = -math.inf if known is not None and known.signed else min(metric.value, 0.0)
    highest = 1.0 if known is not None and known.share_of else math.inf
    return max(metric.value - reach, lowest), min(metric.value + reach, highest)


def spoken(metric: MetricValue, ends: tuple[float, float]) -> str:
    """Write an interval with as many decimals as its value has beside its error.

    >>> spoken(MetricValue(0.98123, 0.021), (0.93373, 1.0))
    '0.934 to 1.000'
    """
    places = decimals(metric)
    return " to ".join(number(end) if places is None else f"{end:z.{places}f}" for end in ends)
