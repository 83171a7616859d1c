"""The tokens one by one: which classes have collapsed most and least, and which class lies nearest to each.

For each of the K classes that count and have two tokens, mu the mean over these classes:

    variability   s2_c / (mean_c |m_c|^2 - bias), the denominator of ``nc1_trace_ratio``, of which it is one term: its
                  mean over the classes is that metric. How widely the contexts before one token scatter, against how
                  far apart the classes lie. Down is collapsed; 0 where all contexts meet in one point; NaN, and no
                  rank, where noise covers all distances between the classes.
    norm          |m_c| over its root mean square
    duality       cos(w~_c, m_c), one term of ``nc3_cos_mean_centred``
    nearest       the other class whose mean is nearest, in the distance by which NC4 decides; ties to the lower id
    distance      |mu_c - mu_c'| to it, over the root mean square of |m_c|; orthogonal classes are sqrt(2) apart
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from nc_hf.metrics.decisions import Decisions
from nc_hf.metrics.inputs import Head, MetricInputs
from nc_hf.metrics.pairwise import Tile, sweep
from nc_hf.metrics.strata import relative_norms
from nc_hf.metrics.variability import between_variance
from nc_hf.statistics.class_statistics import ClassStatistics

COMMONEST = 40
"""Classes in the matrix of cosines."""


@dataclass(frozen=True)
class ClassTable:
    """What each of K classes is like, commonest first; every attribute is (K,).

    Attributes:
        ids, counts: int64.
        variability, norm, duality, distance: float64.
        nearest: int64, the place in this table of the nearest other class.
        sampled, agreed: int64, tokens on which NC4 was decided, and on which both classifiers decide alike.
    """

    ids: Tensor
    counts: Tensor
    variability: Tensor
    norm: Tensor
    duality: Tensor
    nearest: Tensor
    distance: Tensor
    sampled: Tensor
    agreed: Tensor


def class_table(
    stats: ClassStatistics, head: Head, classes: Tensor | None = None, decisions: Decisions | None = None
) -> tuple[ClassTable, Tensor]:
    """Describe the classes that count, of two tokens or more, commonest first.

    Args:
        stats: of all classes.
        head: the classifier head.
        classes: (K,) ids of those that count; None for every one.
        decisions: of the sample, for NC4; a token belongs to its true class.

    Returns:
        The table, and u_c = m_c / |m_c| of the ``COMMONEST`` classes, (40, D); NaN where m_c is zero.

    Raises:
        StatisticsError: fewer than two classes are left.
    """
    inputs = MetricInputs(stats, head, 2, None, None, classes=classes)
    view = inputs.used
    distance, nearest = nearest_classes(view.centred)
    order = view.counts.argsort(descending=True, stable=True)
    place = order.argsort()
    ids = view.class_ids.cpu()
    sampled = agreed = torch.zeros_like(ids)
    if decisions is not None:
        sampled = _count_by_class(ids, decisions.labels)
        agreed = _count_by_class(ids, decisions.labels[decisions.agree])
    columns = {
        "ids": view.class_ids,
        "counts": view.counts.long(),
        "variability": view.variance / (between_variance(view) or torch.nan),
        "norm": relative_norms(inputs),
        "duality": inputs.duality_by_class,
        "nearest": place[nearest],
        "distance": distance / view.norms.square().mean().sqrt(),
        "sampled": sampled,
        "agreed": agreed,
    }
    table = ClassTable(**{name: column.cpu()[order.cpu()] for name, column in columns.items()})
    first = order[:COMMONEST]
    return table, view.centred[first] / view.norms[first].unsqueeze(1)


def nearest_classes(means: Tensor) -> tuple[Tensor, Tensor]:
    """Find the nearest other row of each row of ``means`` (K, D), centred, in one sweep of tiles.

    Returns:
        (K,) distances and (K,) places; ties go to the lower place.
    """
    kernel = _NearestKernel(len(means), means.device)
    sweep(means, [kernel])
    return kernel.squared.clamp(min=0.0).sqrt(), kernel.place


class _NearestKernel:
    """Keeps each row's smallest distance over the tiles; these come in ascending order of the other rows."""

    def __init__(self, num_classes: int, device: torch.device) -> None:
        self.squared = torch.full((num_classes,), torch.inf, dtype=torch.float64, device=device)
        self.place = torch.zeros(num_classes, dtype=torch.int64, device=device)

    def add(self, tile: Tile) -> None:
        """Take in one tile, for its columns and then for its rows."""
        distances = tile.distances
        if tile.pairs is not None:
            distances = distances.masked_fill(~tile.pairs, torch.inf)
        self._offer(tile.columns, tile.rows.start, distances.T)
        self._offer(tile.rows, tile.columns.start, distances)

    def _offer(self, mine: slice, first: int, distances: Tensor) -> None:
        place = distances.argmin(dim=1)
        best = distances.gather(1, place.unsqueeze(1)).squeeze(1)
        nearer = best < self.squared[mine]
        self.squared[mine] = torch.where(nearer, best, self.squared[mine])
        self.place[mine] = torch.where(nearer, place + first, self.place[mine])


def _count_by_class(class_ids: Tensor, labels: Tensor) -> Tensor:
    """Count the labels of each of the ascending ``class_ids``; labels of other classes are left out."""
    labels = labels[torch.isin(labels, class_ids)]
    return torch.bincount(torch.searchsorted(class_ids, labels), minlength=len(class_ids))
