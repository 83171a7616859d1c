"""Replicates for standard errors: measure again with each group of neighbouring blocks left out."""

from __future__ import annotations

import math
from collections import defaultdict
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
    rests = without_each(groups)
    for number in range(len(groups)):
        try:
            found.append(compute(next(rests), number))  # kept by nobody, since the next takes as much memory
        except StatisticsError:
            return {}
    names = set.intersection(*(set(values) for values in found))
    return {name: [values[name] for values in found] for name in found[0] if name in names}


def debiased(
    values: Mapping[str, float],
    found: Mapping[str, Sequence[float]],
    groups: Sequence[ClassStatistics],
    measure: Callable[[ClassStatistics, Sequence[str]], Mapping[str, float]],
) -> dict[str, float]:
    """Return the values of metrics, without the bias of few tokens where the table says that it is taken out.

    Args:
        values: by name, of all groups.
        found: their replicates; what has none stays as it is.
        groups: the statistics of each group.
        measure: the named metrics of some statistics.
    """
    names = [name for name in values if name in found and METRICS[name].debiased]
    rough = [name for name in names if not METRICS[name].smooth]
    parts = {name: (found[name], share_of_part(len(groups))) for name in names}
    if rough:
        halves = _each_half(groups, lambda half: measure(half, rough))
        parts |= {name: ([half[name] for half in halves], share_of_part(len(groups), smooth=False)) for name in rough}
    corrected = {name: without_bias(values[name], *parts[name]) for name in names}
    return {
        name: max(corrected[name], -math.inf if METRICS[name].signed else 0.0) if name in corrected else value
        for name, value in values.items()
    }


def share_of_part(groups: int, *, smooth: bool = True) -> float:
    """Return which share of the groups is in the parts that show a bias: all but one; half of them if not smooth."""
    return (groups - 1 if smooth else groups // 2) / groups


def _each_half(
    groups: Sequence[ClassStatistics], measure: Callable[[ClassStatistics], Mapping[str, float]]
) -> list[Mapping[str, float]]:
    """Measure each half; undefined where too little text is left in one."""
    found: list[Mapping[str, float]] = []
    for half in halves_of(groups):
        try:
            found.append(measure(half))
        except StatisticsError:
            found.append(defaultdict(lambda: math.nan))
    return found


def without_each(groups: Sequence[ClassStatistics]) -> Iterator[ClassStatistics]:
    """Yield the statistics of all groups but the first, all but the second, and so on."""
    for left_out in range(len(groups)):
        yield ClassStatistics.union([*groups[:left_out], *groups[left_out + 1 :]])


def halves_of(groups: Sequence[ClassStatistics]) -> Iterator[ClassStatistics]:
    """Yield the statistics of half of the groups, from each of them on, so that each is in as many halves as another.

    Of an odd number it is the smaller half.
    """
    around = [*groups, *groups]
    for first in range(len(groups)):
        yield ClassStatistics.union(around[first : first + len(groups) // 2])
