"""Replicates for standard errors: measure again with each group of neighbouring blocks left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from nc_hf.errors import StatisticsError
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
    for left_out in range(len(groups)):
        stats = ClassStatistics(groups[0].dim, groups[0].device, covariance=groups[0].has_covariance)
        for number, group in enumerate(groups):
            if number != left_out:
                stats.merge(group)
        try:
            found.append(compute(stats, left_out))
        except StatisticsError:
            return {}
    names = set.intersection(*(set(values) for values in found))
    return {name: [values[name] for values in found] for name in found[0] if name in names}
