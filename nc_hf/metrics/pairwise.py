"""One tiled sweep over all pairs of class means: each pair once, float64 totals, nothing K x K in memory.

A tile of the Gram matrix is small enough for the cache; every kernel that looks at pairs reads the squared distances
of a tile while it is there. Distances of near-coincident means lose their digits in the Gram form and are recomputed
from the difference of the two means.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

TILE = 512
# Below this share of |a|^2 + |b|^2 the Gram form of |a - b|^2 keeps fewer than ten digits.
NEAR = 1e-5
_RECOMPUTE_ROWS = 4096


@dataclass(frozen=True)
class Tile:
    """Squared distances between the means ``rows`` and ``columns``; ``pairs`` marks those to count (None: all)."""

    rows: slice
    columns: slice
    distances: Tensor
    pairs: Tensor | None

    def select(self, values: Tensor, keep: Tensor | None = None) -> Tensor:
        """Return, as one flat tensor, the values of the pairs that count and that ``keep`` marks."""
        if self.pairs is not None:
            keep = self.pairs if keep is None else keep & self.pairs
        return values.flatten() if keep is None or bool(keep.all()) else values[keep]

    def num_pairs(self) -> int:
        """Return the number of pairs that count."""
        return self.distances.numel() if self.pairs is None else int(self.pairs.sum())

    def recompute(self, values: Tensor, where: Tensor, exactly: Callable[[Tensor, Tensor], Tensor]) -> None:
        """Replace, in place, the values of the pairs that count and that ``where`` marks.

        Args:
            values: of the tile's shape.
            where: of the same shape, bool.
            exactly: takes the (N,) numbers of the one and of the other mean, and returns (N,) values.
        """
        if self.pairs is not None:
            where = where & self.pairs
        if not bool(where.any()):
            return
        for chunk in torch.split(where.nonzero(), _RECOMPUTE_ROWS):
            i, j = chunk.unbind(1)
            values[i, j] = exactly(i + self.rows.start, j + self.columns.start)


class PairKernel(Protocol):
    """Something that is accumulated over all pairs."""

    def add(self, tile: Tile) -> None:
        """Take in one tile."""


def sweep(
    centred: Tensor, kernels: Sequence[PairKernel], *, means: Tensor | None = None, rounding: float = 0.0
) -> None:
    """Show every unordered pair of means to every kernel, once.

    Args:
        centred: (K, D) float64: a common offset would cost digits in the Gram form.
        kernels: what to accumulate; they hold the results afterwards.
        means: (K, D) float64, the same before they were centred, which costs near ones their last digits; their
            differences are taken from here.
        rounding: means no further apart than this coincide.
    """
    squares = centred.square().sum(dim=1)
    points = centred if means is None else means

    def squared_difference(i: Tensor, j: Tensor) -> Tensor:
        squared: Tensor = (points[i] - points[j]).square_().sum(dim=1)
        return squared.masked_fill_(squared <= rounding**2, 0.0)

    num_classes = len(centred)
    for top in range(0, num_classes, TILE):
        rows = slice(top, min(top + TILE, num_classes))
        for left in range(top, num_classes, TILE):
            columns = slice(left, min(left + TILE, num_classes))
            scale = squares[rows, None] + squares[columns]
            distances = torch.addmm(scale, centred[rows], centred[columns].T, alpha=-2.0)
            pairs = torch.ones_like(distances, dtype=torch.bool).triu_(1) if left == top else None
            tile = Tile(rows, columns, distances, pairs)
            tile.recompute(distances, distances <= NEAR * scale, squared_difference)
            for kernel in kernels:
                kernel.add(tile)
