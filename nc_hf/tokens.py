"""The tokens one by one: which classes have collapsed most and least, and which class lies nearest to each.

For each of the K classes with ``min_count`` tokens, mu the mean over these classes:

    variability   s2_c / (mean_c |m_c|^2 - bias), the denominator of ``nc1_trace_ratio``, of which it is one term: its
                  mean over the classes is that metric. How widely the contexts before one token scatter, against how
                  far apart the classes lie. Down is collapsed; 0 where all contexts meet in one point.
    norm          |m_c| over its root mean square
    duality       cos(w~_c, m_c), one term of ``nc3_cos_mean_centred``
    nearest       the other class whose mean is nearest, in the distance by which NC4 decides; ties to the lower id
    distance      |mu_c - mu_c'| to it, over the root mean square of |m_c|; orthogonal classes are sqrt(2) apart
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from nc_hf.metrics.agreement import Decisions
from nc_hf.metrics.inputs import Head, MetricInputs
from nc_hf.metrics.variability import between_variance
from nc_hf.pairwise import Tile, sweep
from nc_hf.report.detail import ClassColumns, CosineRecord, TokenRecord, TokenTable
from nc_hf.statistics import ClassStatistics
from nc_hf.strata import category_shares, relative_norms
from nc_hf.token_text import categories_of, shown_text

ENDS = 20
"""Tokens at either end of the table."""
COMMONEST = 40
"""Classes in the matrix of cosines."""
MOST_COLUMNS = 2000
"""Classes that a report keeps for its figures; half of them are the commonest."""


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
    stats: ClassStatistics, head: Head, min_count: int = 10, decisions: Decisions | None = None
) -> tuple[ClassTable, Tensor]:
    """Describe the classes with ``min_count`` tokens (two at the least), commonest first.

    Args:
        stats: of all classes.
        head: the classifier head.
        min_count: classes with fewer tokens are left out.
        decisions: of the sample, for NC4; a token belongs to its true class.

    Returns:
        The table, and u_c = m_c / |m_c| of the ``COMMONEST`` classes, (40, D); NaN where m_c is zero.

    Raises:
        StatisticsError: fewer than two classes are left.
    """
    inputs = MetricInputs(stats, head, max(min_count, 2), None, None)
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
        "variability": view.variance / between_variance(view),
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


def token_table(
    stats: ClassStatistics, head: Head, min_count: int, decisions: Decisions | None, tokenizer: Any
) -> TokenTable | None:
    """Return the part of a report that speaks of single tokens; None where fewer than two classes are left.

    Args:
        stats: of all classes.
        head: the classifier head.
        min_count: classes with fewer tokens, or with a single one, are left out.
        decisions: of the sample, for NC4.
        tokenizer: spells the tokens; None writes their ids.
    """
    min_count = max(min_count, 2)
    if int((stats.counts >= min_count).sum()) < 2:
        return None
    table, directions = class_table(stats, head, min_count, decisions)
    # A class without a rank (no variance between classes to measure against) is at neither end.
    ranked = table.variability.argsort(stable=True)
    ranked = ranked[~table.variability[ranked].isnan()]
    texts = [shown_text(tokenizer, token_id) for token_id in table.ids.tolist()]
    kept = _thinned(len(table.ids), MOST_COLUMNS)
    categories = None if tokenizer is None else categories_of(tokenizer, table.ids.tolist())
    common = len(directions)
    return TokenTable(
        min_count=min_count,
        classes=len(table.ids),
        most_collapsed=[_record(table, texts, place) for place in ranked[:ENDS].tolist()],
        least_collapsed=[_record(table, texts, place) for place in ranked.flip(0)[:ENDS].tolist()],
        columns=_columns(table, texts, kept),
        commonest=CosineRecord(
            table.ids[:common].tolist(), texts[:common], (directions @ directions.T).clamp(-1, 1).tolist()
        ),
        shares={} if categories is None else category_shares(stats, categories, min_count),
    )


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


def _record(table: ClassTable, texts: list[str], place: int) -> TokenRecord:
    nearest, sampled = int(table.nearest[place]), int(table.sampled[place])
    return TokenRecord(
        id=int(table.ids[place]),
        text=texts[place],
        count=int(table.counts[place]),
        variability=float(table.variability[place]),
        norm=float(table.norm[place]),
        duality=float(table.duality[place]),
        agreement=int(table.agreed[place]) / sampled if sampled else None,
        nearest_id=int(table.ids[nearest]),
        nearest_text=texts[nearest],
        distance=float(table.distance[place]),
    )


def _columns(table: ClassTable, texts: list[str], kept: Tensor) -> ClassColumns:
    return ClassColumns(
        ids=table.ids[kept].tolist(),
        texts=[texts[place] for place in kept.tolist()],
        counts=table.counts[kept].tolist(),
        variability=table.variability[kept].tolist(),
        norm=table.norm[kept].tolist(),
        duality=table.duality[kept].tolist(),
        sampled=table.sampled[kept].tolist(),
        agreed=table.agreed[kept].tolist(),
    )


def _thinned(classes: int, most: int) -> Tensor:
    """Return at most ``most`` places: the first half of them in a row, the rest spread evenly over what remains."""
    if classes <= most:
        return torch.arange(classes)
    first = most // 2
    spread = torch.linspace(first, classes - 1, most - first, dtype=torch.float64).round().long()
    return torch.cat([torch.arange(first), spread])


def _count_by_class(class_ids: Tensor, labels: Tensor) -> Tensor:
    """Count the labels of each of the ascending ``class_ids``; labels of other classes are left out."""
    labels = labels[torch.isin(labels, class_ids)]
    return torch.bincount(torch.searchsorted(class_ids, labels), minlength=len(class_ids))
