"""Replicates for standard errors: measure again with each group of neighbouring blocks left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from nc_hf.errors import StatisticsError
from nc_hf.metrics.jackknife import without_bias
from nc_hf.metrics.table import METRICS
from nc_hf.statistics.class_statistics import ClassStatistics

Compute = Callable[[ClassStatistics, int], Mapping[str, float]]


def replicates(groups: Sequence[ClassStatistics], compute: Compute) -> dict[str, list[float]]:
    """Return every value of ``compute`` without each group in turn; `jackknife_error` makes an error of them.

    Args:
        groups: the statistics of each group, two or more.
        compute: the metrics of the statistics without a group, and of whatever else the number of that group leaves.

    Returns:
        A list a value, one entry a group; nothing where there is too little text to do without a group.
    """
    found: list[Mapping[str, float]] = []
    for number, rest in enumerate(without_each(groups)):
        try:
            found.append(compute(rest, number))
        except StatisticsError:
            return {}
    names = set.intersection(*(set(values) for values in found))
    return {name: [values[name] for values in found] for name in found[0] if name in names}


def debiased(name: str, value: float, found: Sequence[float]) -> float:
    """Return the value of a metric, without the bias of few tokens where the table says that it is taken out.

    Args:
        name: of the metric.
        value: of all groups.
        found: its replicates.
    """
    if not METRICS[name].debiased:
        return value
    corrected = without_bias(value, found)
    return corrected if METRICS[name].signed else max(corrected, 0.0)


def without_each(groups: Sequence[ClassStatistics]) -> Iterator[ClassStatistics]:
    """Yield the statistics of all groups but the first, all but the second, and so on."""
    for left_out in range(len(groups)):
        rest = ClassStatistics(groups[0].dim, groups[0].device, covariance=groups[0].has_covariance)
        for number, group in enumerate(groups):
            if number != left_out:
                rest.merge(group)
        yield rest
