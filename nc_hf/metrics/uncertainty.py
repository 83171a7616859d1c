"""Standard errors by the jackknife over groups of neighbouring blocks: measure again with each group left out."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from nc_hf.errors import StatisticsError
from nc_hf.metrics import AgreementCounts
from nc_hf.statistics.class_statistics import ClassStatistics

Compute = Callable[[ClassStatistics, AgreementCounts | None], Mapping[str, float]]


def jackknife(
    groups: Sequence[ClassStatistics], agreements: Sequence[AgreementCounts], compute: Compute
) -> dict[str, float]:
    """Return a standard error for every value that ``compute`` returns.

    With G groups and theta_g the value without group g, the variance is (G-1)/G sum_g (theta_g - mean theta)^2
    (Tukey's delete-a-group jackknife). Stretches of text are independent draws far more nearly than tokens are, or than
    blocks of one document, which is why groups of neighbouring blocks are left out. Good to about 1 / sqrt(2 (G - 1))
    of itself; of little use for medians and maxima.

    Args:
        groups: the statistics of each group, two or more.
        agreements: the NC4 decisions of each group.
        compute: the metrics of statistics and decisions.
    """
    replicates: list[Mapping[str, float]] = []
    for left_out in range(len(groups)):
        stats = ClassStatistics(groups[0].dim, groups[0].device, covariance=groups[0].has_covariance)
        decisions = AgreementCounts()
        for number, (group, counts) in enumerate(zip(groups, agreements, strict=True)):
            if number != left_out:
                stats.merge(group)
                decisions += counts
        try:
            replicates.append(compute(stats, decisions if decisions.tokens else None))
        except StatisticsError:  # too little text to do without a tenth of it
            return {}
    names = set.intersection(*(set(values) for values in replicates))
    return {name: _spread([values[name] for values in replicates]) for name in names}


def _spread(values: Sequence[float]) -> float:
    count = len(values)
    mean = math.fsum(values) / count
    return math.sqrt((count - 1) / count * math.fsum((value - mean) ** 2 for value in values))
