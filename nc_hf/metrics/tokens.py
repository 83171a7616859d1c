"""The tokens one by one: which classes have collapsed most and least, and which class lies nearest to each.

For each of the K classes that count and have two tokens, mu the mean over these classes:

    variability   s2_c / (mean_c |m_c|^2 - bias), the denominator of ``nc1_trace_ratio``, of which it is one term: its
                  mean over the classes is that metric. How widely the contexts before one token scatter, against how
                  far apart the classes lie. Down is collapsed; 0 where all contexts meet in one point; NaN, and no
                  rank, where noise covers all distances between the classes.
    norm          |m_c| over its root mean square
    duality       cos(w~_c, m_c), one term of ``nc3_cos_mean_centred``
    nearest       the other classes whose means are nearest, in the distance by which NC4 decides; ties to the lower id
    distance      |mu_c - mu_c'| to each, over the root mean square of |m_c|; orthogonal classes are sqrt(2) apart
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from nc_hf.metrics.decisions import Decisions
from nc_hf.metrics.inputs import MetricInputs
from nc_hf.metrics.pairwise import Tile, sweep
from nc_hf.metrics.strata import relative_norms
from nc_hf.metrics.variability import between_variance

COMMONEST = 40
"""Classes in the matrix of cosines."""
NEIGHBOURS = 5
"""Nearest classes of each."""


@dataclass(frozen=True)
class ClassTable:
    """What each of K classes is like, commonest first; every attribute is (K,), but for those of the n nearest classes.

    Attributes:
        ids, counts: int64.
        variability, norm, duality: float64.
        nearest: (K, n) int64, the places in this table of the nearest other classes, the nearest first.
        distance: (K, n) float64, to them.
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


def class_table(inputs: MetricInputs, decisions: Decisions | None = None) -> tuple[ClassTable, Tensor]:
    """Describe the classes that count, of two tokens or more, commonest first.

    Args:
        inputs: statistics and head; where no classes are listed, with 2 as the fewest tokens of one that counts.
        decisions: of the sample, for NC4; a token belongs to its true class.

    Returns:
        The table, with ``NEIGHBOURS`` nearest classes where there are so many, and u_c = m_c / |m_c| of the
        ``COMMONEST`` classes, (40, D); NaN where m_c is zero.

    Raises:
        StatisticsError: fewer than two classes are left.
    """
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


def nearest_classes(means: Tensor, most: int = NEIGHBOURS) -> tuple[Tensor, Tensor]:
    """Find the nearest other rows of each row of ``means`` (K, D), centred, in one sweep of tiles.

    Args:
        means: of two classes or more.
        most: how many; fewer where there are no more others.

    Returns:
        (K, n) distances, ascending, and (K, n) places; ties go to the lower place.
    """
    kernel = _NearestKernel(len(means), min(most, len(means) - 1), means.device)
    sweep(means, [kernel])
    return kernel.squared.clamp(min=0.0).sqrt(), kernel.place


class _NearestKernel:
    """Keeps each row's smallest distances over the tiles; these come in ascending order of the other rows."""

    def __init__(self, num_classes: int, most: int, device: torch.device) -> None:
        self.squared = torch.full((num_classes, most), torch.inf, dtype=torch.float64, device=device)
        self.place = torch.zeros(num_classes, most, dtype=torch.int64, device=device)

    def add(self, tile: Tile) -> None:
        """Take in one tile, for its columns and then for its rows."""
        distances = tile.distances
        assert isinstance(tile.rows, slice), "neighbours are looked for among all pairs"
        assert isinstance(tile.columns, slice)
        if tile.pairs is not None:
            distances = distances.masked_fill(~tile.pairs, torch.inf)
        self._offer(tile.columns, tile.rows.start, distances.T)
        self._offer(tile.rows, tile.columns.start, distances)

    def _offer(self, mine: slice, first: int, distances: Tensor) -> None:
        nearer = (distances.amin(dim=1) < self.squared[mine, -1]).nonzero().squeeze(1)
        left = distances[nearer]  # a copy, from which what was found is struck out
        squared, place = self.squared[mine][nearer], self.place[mine][nearer]
        most = squared.shape[1]
        for _ in range(min(most, left.shape[1])):
            found = left.argmin(dim=1, keepdim=True)
            squared = torch.cat([squared, left.gather(1, found)], dim=1)
            place = torch.cat([place, found + first], dim=1)
            left.scatter_(1, found, torch.inf)
        order = squared.argsort(dim=1, stable=True)[:, :most]  # of those equally far the ones that came first
        self.squared[mine][nearer] = squared.gather(1, order)
        self.place[mine][nearer] = place.gather(1, order)


def _count_by_class(class_ids: Tensor, labels: Tensor) -> Tensor:
    """Count the labels of each of the ascending ``class_ids``; labels of other classes are left out."""
    labels = labels[torch.isin(labels, class_ids)]
    return torch.bincount(torch.searchsorted(class_ids, labels), minlength=len(class_ids))
