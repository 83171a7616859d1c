"""Every metric by class frequency, and the variance between categories of tokens.

Bins are half decades of a class's token count: the edges are the smallest integers that are at least 10^(k/2), k = 0,
1, 2, ... So the bins are 1-3, 4-9, 10-31, 32-99, 100-316, 317-999 and so on.

A bin is measured as a problem of collapse of its own: its metrics are those of ``compute_metrics`` on statistics that
hold nothing but its classes, so mu is the mean over the bin's classes. Distances between means (CDNV) and the decisions
of NC4 do not depend on mu at all; identities such as those behind the errors against an ETF hold only about the mean of
the very classes that are compared. How a bin lies among all classes is said by two more numbers, ``norm`` and
``duality``, for which mu is the mean over every used class: their averages over the bins, weighted by the number of
classes, are those of all classes (for ``duality``: ``nc3_cos_mean_centred``).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import count

from torch import Tensor

from nc_hf.metrics.compute import compute_metrics
from nc_hf.metrics.inputs import MetricInputs
from nc_hf.statistics.class_statistics import ClassStatistics

_BY_CLASS = ("class_ids", "counts", "sums", "squares")


def frequency_bins(most: int) -> Iterator[tuple[int, int]]:
    """Yield the lowest and the highest count of each bin, from one token up to the bin that holds ``most``.

    >>> list(frequency_bins(120))
    [(1, 3), (4, 9), (10, 31), (32, 99), (100, 316)]
    """
    low = 1
    for step in count(1):
        if low > most:
            return
        edge = math.isqrt(10**step - 1) + 1  # the smallest integer of at least 10^(step/2), in whole numbers
        yield low, edge - 1
        low = edge


def subset(stats: ClassStatistics, keep: Tensor) -> ClassStatistics:
    """Return the statistics of the classes that ``keep`` (C,) marks, without the covariance, which has no parts."""
    part = ClassStatistics(stats.dim, stats.device)
    state = stats.state_dict()
    state.pop("moment", None)
    part.load_state_dict({name: tensor[keep] if name in _BY_CLASS else tensor for name, tensor in state.items()})
    return part


def relative_norms(inputs: MetricInputs) -> Tensor:
    """(K,): |m_c| of the used classes over its root mean square; their mean square is 1."""
    norms = inputs.used.norms
    relative: Tensor = norms / norms.square().mean().sqrt()
    return relative


def category_shares(
    stats: ClassStatistics, categories: Mapping[int, int], classes: Tensor | None = None
) -> dict[str, float]:
    """Split the tokens' total variance in three; the shares sum to 1.

    Args:
        stats: of all classes.
        categories: category of each token id (see ``nc_hf.corpus.vocabulary.categories_of``).
        classes: (K,) ids of those that count; None for every one.

    Returns:
        ``categories``: between categories; ``tokens``: between the tokens of one category; ``contexts``: within one
        token. As in METRICS, after arXiv 2607.09487.
    """
    names = {"nc1_category_share": "categories", "nc1_identity_share": "tokens", "nc1_context_share": "contexts"}
    values = compute_metrics(stats, None, tuple(names), 1, categories=categories, classes=classes)
    return {names[name]: value for name, value in values.items()}
