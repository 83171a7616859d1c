"""Rows of matrices that may be as large as the statistics themselves: made, looked at and cleaned some at a time."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor

from nc_hf.statistics.class_statistics import ClassStatistics

ROWS = 1024
"""Of a (K, D) matrix at a time, where a copy of all of them would be as large as the means."""
# Means are float64 sums over a class's tokens: what is smaller than this share of the largest mean is rounding, and so
# is scatter below this share of what its class's tokens sum up to.
ROUNDING = 1e-14


class Rows(Protocol):
    """A (K, D) matrix, of which some rows can be had."""

    @property
    def shape(self) -> torch.Size:
        """K and D."""

    def __getitem__(self, rows: slice | Tensor, /) -> Tensor:
        """(N, D): these rows."""


class ClassMeans:
    """(K, D) float64: the means of classes, each made of its sum where it is asked for.

    Args:
        stats: whose means these are.
        places: (K,) int64, of the classes among ``stats.class_ids``; None for all of them.
        rounding: means no longer than this are zero.
    """

    def __init__(self, stats: ClassStatistics, places: Tensor | None = None, rounding: float = 0.0) -> None:
        """Make nothing yet."""
        self._stats, self._places, self._rounding = stats, places, rounding
        self.device = stats.device

    @property
    def shape(self) -> torch.Size:
        """K and D."""
        return torch.Size((self._stats.num_classes if self._places is None else len(self._places), self._stats.dim))

    def __getitem__(self, rows: slice | Tensor, /) -> Tensor:
        """(N, D): a copy of these rows."""
        means = self._stats.means_at(rows if self._places is None else self._places[rows])
        return without_rounding(means, self._rounding) if self._rounding else means

    def parts(self) -> Iterator[Tensor]:
        """Yield (N, D) rows, a thousand at a time, in order."""
        return parts_of(self)

    def mean(self, weights: Tensor | None = None) -> Tensor:
        """(D,): the mean of the rows, weighted by (K,) float64 where these are given."""
        if weights is None:
            weights = torch.ones(self.shape[0], dtype=torch.float64, device=self.device)
        total = torch.zeros(self.shape[1], dtype=torch.float64, device=self.device)
        for weight, rows in zip(torch.split(weights, ROWS), self.parts(), strict=True):
            total += weight @ rows
        return total / weights.sum()

    def about(self, centre: Tensor, rounding: float) -> Tensor:
        """(K, D): the rows less a centre (D,), exactly zero where no more than rounding is left."""
        out = torch.empty(self.shape, dtype=torch.float64, device=self.device)
        for place, rows in zip(torch.split(out, ROWS), self.parts(), strict=True):
            place.copy_(without_rounding(rows.sub_(centre), rounding))
        return out

    def without(self, rounding: float) -> ClassMeans:
        """Return the same, those no longer than ``rounding`` as zero."""
        return ClassMeans(self._stats, self._places, rounding)

    @cached_property
    def norms(self) -> Tensor:
        """(K,): how long the rows are."""
        return norms_of(self)


def parts_of(rows: Rows) -> Iterator[Tensor]:
    """Yield (N, D) rows, a thousand at a time, in order."""
    for start in range(0, rows.shape[0], ROWS):
        yield rows[start : start + ROWS]


def norms_of(rows: Rows) -> Tensor:
    """(K,): how long rows are."""
    return torch.cat([torch.linalg.vector_norm(part, dim=1) for part in parts_of(rows)])


def about_their_mean(rows: Tensor) -> Tensor:
    """Return (K, D) rows less their mean, exactly zero where one is the mean but for rounding."""
    return without_rounding(rows - rows.mean(dim=0), rounding_of(rows))


def rounding_of(rows: Rows) -> float:
    """What a row of (K, D) float64 may be off by."""
    return ROUNDING * float(norms_of(rows).max())


def without_rounding(rows: Tensor, rounding: float) -> Tensor:
    """Return the rows, those no longer than ``rounding`` as zero: they have no direction. Without one it is no copy."""
    short = torch.linalg.vector_norm(rows, dim=1, keepdim=True) <= rounding
    return rows.masked_fill(short, 0.0) if bool(short.any()) else rows
