"""One tiled sweep over all pairs of class means: each pair once, float64 totals, nothing K x K in memory.

A tile of the Gram matrix is small enough for the cache; every kernel that looks at pairs reads the squared distances
of a tile while it is there. Distances of near-coincident means lose their digits in the Gram form and are recomputed
from the difference of the two means, in float64.

Many classes are swept in float32, at half the time. There |a - b|^2 is wrong by about 1e-7 of |a|^2 + |b|^2, to either
side; what is smaller than 1/128 of that, as a distance or less its noise, is recomputed, so that a pair is good to four
digits at the least and to six as a rule, and sums and medians of millions of pairs to seven or more. A tile in which
many pairs would have to be recomputed, or one of them is too small for float32, is taken in float64 as a whole.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from nc_hf.metrics.rows import Rows
from nc_hf.runtime.precision import full_float32

TILE = 512
# A GPU is kept busy by larger ones.
_TILES_OF_A_GPU = 8
SINGLE_FROM = 2048
"""Classes from which on tiles are of float32; fewer are done in no time in float64."""
# Below this share of |a|^2 + |b|^2 the Gram form of |a - b|^2 keeps fewer than ten digits of float64, four of float32.
NEAR = {torch.float64: 1e-5, torch.float32: 2.0**-7}
# Beyond this share of near pairs the tile is done sooner in float64 than pair by pair.
_CROWDED = 1 / 128
# Kernels square squared distances, and divide by that: float32 bears it down to this share of a usual one, where that
# lies between these.
_SMALL, _USUAL = 1e-12, (1e-6, 1e15)
_RECOMPUTE_ROWS = 4096


Numbers = slice | Tensor
"""Of means: neighbouring ones, or (N,) int64 in any order."""


@dataclass(frozen=True)
class Tile:
    """Squared distances between the means ``rows`` and ``columns``; ``pairs`` marks those to count (None: all).

    Attributes:
        distances: (rows, columns), of float64 or float32; overwritten by the next tile.
        scales: (rows, 1) and (columns,), squared norms of the means, in the dtype of the distances.
        squared_difference: takes the (N,) numbers of the one and of the other mean, and returns (N,) squared distances
            with all digits of float64.
        in_double: returns this tile in float64.
    """

    rows: Numbers
    columns: Numbers
    distances: Tensor
    pairs: Tensor | None
    scales: tuple[Tensor, Tensor]
    squared_difference: Callable[[Tensor, Tensor], Tensor]
    in_double: Callable[[], Tile]

    def select(self, values: Tensor, keep: Tensor | None = None) -> Tensor:
        """Return, as one flat tensor, the values of the pairs that count and that ``keep`` marks."""
        if self.pairs is not None:
            keep = self.pairs if keep is None else keep & self.pairs
        return values.flatten() if keep is None or bool(keep.all()) else values[keep]

    def num_pairs(self) -> int:
        """Return the number of pairs that count."""
        return self.distances.numel() if self.pairs is None else int(self.pairs.sum())

    def of_its_means(self, vector: Tensor) -> tuple[Tensor, Tensor]:
        """Return what belongs to each of the K means as a (rows, 1) and a (columns,) tensor in the tile's dtype."""
        dtype = self.distances.dtype
        return vector[self.rows, None].to(dtype), vector[self.columns].to(dtype)

    def near(self, values: Tensor, scratch: Tensor) -> Tensor:
        """Return (N, 2) places of the pairs that count whose value has lost too many digits.

        Args:
            values: of the tile's shape, differences of what is of the size of ``scales``.
            scratch: of the same shape, overwritten.
        """
        share = NEAR[values.dtype]
        margin = torch.abs(values, out=scratch).sub_(share * self.scales[0]).sub_(share * self.scales[1])
        if self.pairs is not None:
            margin.masked_fill_(~self.pairs, torch.inf)
        if float(margin.amin()) > 0:  # as in most tiles: cheaper than to look for them
            return torch.empty(0, 2, dtype=torch.int64, device=values.device)
        return (margin <= 0).nonzero()

    def is_crowded(self, near: Tensor) -> bool:
        """Whether the tile is done sooner in float64 than by recomputing these pairs."""
        return self.distances.dtype == torch.float32 and len(near) > _CROWDED * self.distances.numel()

    def recompute(self, values: Tensor, near: Tensor, exactly: Callable[[Tensor, Tensor], Tensor]) -> None:
        """Replace values in place.

        Args:
            values: of the tile's shape.
            near: (N, 2), their places in the tile.
            exactly: takes the (N,) numbers of the one and of the other mean, and returns (N,) values.
        """
        for chunk in torch.split(near, _RECOMPUTE_ROWS) if len(near) else ():
            i, j = chunk.unbind(1)
            values[i, j] = exactly(_numbers(self.rows, i), _numbers(self.columns, j)).to(values.dtype)


def _is_diagonal(rows: Numbers, columns: Numbers) -> bool:
    return isinstance(rows, slice) and rows == columns


def _numbers(part: Numbers, places: Tensor) -> Tensor:
    """Return the numbers of the means that stand at these places of a part."""
    return part[places] if isinstance(part, Tensor) else places + int(part.start)


class PairKernel(Protocol):
    """Something that is accumulated over all pairs."""

    def add(self, tile: Tile) -> None:
        """Take in one tile, without changing it."""


class Scratch:
    """Memory that each tile writes over: for the tenth part of a tile's time, it would be allocated anew."""

    def __init__(self) -> None:
        """Start with none."""
        self._kept: dict[tuple[int, torch.dtype], Tensor] = {}

    def like(self, tile: Tensor, number: int) -> Tensor:
        """Return memory for what has a tile's shape and dtype; other numbers are other memory."""
        return self.of(tile.shape, tile.dtype, tile.device, number)

    def of(self, shape: Sequence[int], dtype: torch.dtype, device: torch.device, number: int) -> Tensor:
        """Return memory of a shape."""
        key, size = (number, dtype), math.prod(shape)
        if key not in self._kept or len(self._kept[key]) < size:
            self._kept[key] = torch.empty(size, dtype=dtype, device=device)
        return self._kept[key][:size].view(*shape)


def sweep(
    centred: Tensor,
    kernels: Sequence[PairKernel],
    *,
    means: Rows | None = None,
    rounding: float = 0.0,
    drawn: Iterable[tuple[Tensor, Tensor]] | None = None,
) -> None:
    """Show every unordered pair of means to every kernel, once.

    Args:
        centred: (K, D) float64: a common offset would cost digits in the Gram form.
        kernels: what to accumulate; they hold the results afterwards.
        means: (K, D) float64, the same before they were centred, which costs near ones their last digits; their
            differences are taken from here.
        rounding: means no further apart than this coincide.
        drawn: show them no pairs but those between the two sets of means, (N,) and (M,) int64, of each of these.
    """
    points = _Points(centred, centred if means is None else means, rounding)
    with full_float32():
        for tile in points.tiles() if drawn is None else points.between(drawn):
            for kernel in kernels:
                kernel.add(tile)


class _Points:
    """The means of a sweep, and the tiles of their distances."""

    def __init__(self, centred: Tensor, means: Rows, rounding: float) -> None:
        self._centred, self._means, self._rounding = centred, means, rounding
        self._squares = torch.linalg.vector_norm(centred, dim=1).square_()
        self._usual = float(self._squares.mean()) if len(centred) else 0.0
        single = len(centred) >= SINGLE_FROM and _USUAL[0] < self._usual < _USUAL[1]
        self._dtype = torch.float32 if single else torch.float64
        self._scratch = Scratch()

    def tiles(self) -> Iterator[Tile]:
        """Yield the tiles at and above the diagonal."""
        size = TILE if self._centred.device.type == "cpu" else TILE * _TILES_OF_A_GPU
        starts = range(0, len(self._centred), size)
        for top in starts:
            rows = slice(top, min(top + size, len(self._centred)))
            for left in starts[top // size :]:
                yield self._tile(rows, slice(left, min(left + size, len(self._centred))))

    def between(self, drawn: Iterable[tuple[Tensor, Tensor]]) -> Iterator[Tile]:
        """Yield a tile for each two sets of means that have none in common."""
        for rows, columns in drawn:
            yield self._tile(rows, columns)

    def _tile(self, rows: Numbers, columns: Numbers) -> Tile:
        tile = self._of(rows, columns, self._dtype)
        near = tile.near(tile.distances, self._scratch.like(tile.distances, 1))
        if tile.is_crowded(near):
            return tile.in_double()
        tile.recompute(tile.distances, near, self._squared_difference)
        if tile.distances.dtype == torch.float32 and len(near):
            i, j = near.unbind(1)
            if float(tile.distances[i, j].min()) <= _SMALL * self._usual:
                return tile.in_double()
        return tile

    def _of(self, rows: Numbers, columns: Numbers, dtype: torch.dtype) -> Tile:
        """Return a tile in which near means are not yet recomputed."""
        top, left = self._block(rows, dtype, 2), self._block(columns, dtype, 3)
        distances = self._scratch.of((len(top), len(left)), dtype, top.device, 0)
        scales = self._squares[rows, None].to(dtype), self._squares[columns].to(dtype)
        torch.add(*scales, out=distances).addmm_(top, left.T, alpha=-2.0)
        pairs = torch.ones_like(distances, dtype=torch.bool).triu_(1) if _is_diagonal(rows, columns) else None
        return Tile(
            rows, columns, distances, pairs, scales, self._squared_difference, lambda: self._double(rows, columns)
        )

    def _double(self, rows: Numbers, columns: Numbers) -> Tile:
        tile = self._of(rows, columns, torch.float64)
        near = tile.near(tile.distances, self._scratch.like(tile.distances, 1))
        tile.recompute(tile.distances, near, self._squared_difference)
        return tile

    def _block(self, part: Numbers, dtype: torch.dtype, number: int) -> Tensor:
        """Return centred means (N, D) in the tile's dtype; a copy of all of them would be as large as the means."""
        rows = self._centred[part]
        return rows if dtype == rows.dtype else self._scratch.of(rows.shape, dtype, rows.device, number).copy_(rows)

    def _squared_difference(self, i: Tensor, j: Tensor) -> Tensor:
        squared: Tensor = (self._means[i] - self._means[j]).square_().sum(dim=1)
        return squared.masked_fill_(squared <= self._rounding**2, 0.0)
