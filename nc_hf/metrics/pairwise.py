"""One tiled sweep over all pairs of class means: each pair once, float64 totals, nothing K x K in memory.

A tile of the Gram matrix is small enough for the cache; every kernel that looks at pairs reads the squared distances
of a tile while it is there. Distances of near-coincident means lose their digits in the Gram form and are recomputed
from the difference of the two means.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
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


class PairKernel(Protocol):
    """Something that is accumulated over all pairs."""

    def add(self, tile: Tile) -> None:
        """Take in one tile."""


def sweep(means: Tensor, kernels: Sequence[PairKernel]) -> None:
    """Show every unordered pair of rows of ``means`` to every kernel, once.

    Args:
        means: (K, D) float64, centred: a common offset would cost digits in the Gram form.
        kernels: what to accumulate; they hold the results afterwards.
    """
    squares = means.square().sum(dim=1)
    num_classes = len(means)
    for top in range(0, num_classes, TILE):
        rows = slice(top, min(top + TILE, num_classes))
        for left in range(top, num_classes, TILE):
            columns = slice(left, min(left + TILE, num_classes))
            scale = squares[rows, None] + squares[columns]
            distances = torch.addmm(scale, means[rows], means[columns].T, alpha=-2.0)
            pairs = torch.ones_like(distances, dtype=torch.bool).triu_(1) if left == top else None
            recompute_near(distances, scale, means[rows], means[columns], pairs)
            tile = Tile(rows, columns, distances, pairs)
            for kernel in kernels:
                kernel.add(tile)


def recompute_near(distances: Tensor, scale: Tensor, rows: Tensor, columns: Tensor, pairs: Tensor | None) -> None:
    """Replace, in place, squared distances that are small against ``scale`` by directly computed ones."""
    near = distances <= NEAR * scale
    if pairs is not None:
        near &= pairs
    if not bool(near.any()):
        return
    for chunk in torch.split(near.nonzero(), _RECOMPUTE_ROWS):
        i, j = chunk.unbind(1)
        distances[i, j] = (rows[i] - columns[j]).square_().sum(dim=1)


class Moments:
    """Count, mean and variance of a stream of values (Chan's merge, float64)."""

    def __init__(self) -> None:
        """Start with no value."""
        self.count, self.mean, self._m2 = 0, 0.0, 0.0

    def add(self, values: Tensor) -> None:
        """Take in a flat tensor of values."""
        count = values.numel()
        if count == 0:
            return
        mean = float(values.mean())
        m2 = float((values - mean).square_().sum())
        delta, total = mean - self.mean, self.count + count
        self.mean += delta * count / total
        self._m2 += m2 + delta * delta * self.count * count / total
        self.count = total

    @property
    def std(self) -> float:
        """Population standard deviation (ddof 0); NaN without a value."""
        return math.sqrt(self._m2 / self.count) if self.count else math.nan


class VariabilityKernel:
    """CDNV of every pair: (s_c + s_c') / (2 d^2k), with ``d^2`` the squared distance less the bias of both means.

    Args:
        variance: (K,) within-class variance of each class.
        bias: (K,) what the mean's own sampling adds to each squared distance; zeros for the plug-in form.
        power: the exponent k of the squared distance.
        bracket: if given, keep the values inside it, from which the median can be read; and their logarithms' mean.
    """

    def __init__(self, variance: Tensor, bias: Tensor, power: int, bracket: tuple[float, float] | None = None) -> None:
        """Start with no pair."""
        self._variance, self._bias, self._power, self._bracket = variance, bias, power, bracket
        self.values = Moments()
        self._log_sum = 0.0
        self.pairs = 0
        self._below = 0
        self._inside: list[Tensor] = []

    def add(self, tile: Tile) -> None:
        """Take in one tile."""
        distances = tile.distances - self._bias[tile.rows, None] - self._bias[tile.columns]
        variance = (self._variance[tile.rows, None] + self._variance[tile.columns]) / 2
        values = tile.select(variance / distances.pow(self._power), distances > 0)
        self.pairs += tile.num_pairs()
        self.values.add(values)
        if self._bracket is not None:
            low, high = self._bracket
            self._log_sum += float(values.log().sum())  # a sum, in which a pair without scatter stays -inf
            self._below += int((values < low).sum())
            self._inside.append(values[(values >= low) & (values <= high)])

    @property
    def excluded_share(self) -> float:
        """Share of the pairs left out, because their distance less its bias is not positive."""
        return 1.0 - self.values.count / self.pairs

    @property
    def log_mean(self) -> float:
        """Mean of the values' logarithms: -inf with a value of 0; NaN without a value, or without a bracket."""
        return self._log_sum / self.values.count if self.values.count and self._bracket is not None else math.nan

    def median(self) -> float | None:
        """Return the median of the values, or None if it lies outside the bracket."""
        inside = torch.cat(self._inside).sort().values
        ranks = ((self.values.count - 1) // 2 - self._below, self.values.count // 2 - self._below)
        if self.values.count == 0 or ranks[0] < 0 or ranks[1] >= len(inside):
            return math.nan if self.values.count == 0 else None
        return float((inside[ranks[0]] + inside[ranks[1]]) / 2)


class DirectionKernel:
    """Distances between the directions of the means: moments of log(1/|u - u'|), the Riesz sum, and the largest cosine.

    The distance of two directions follows from that of the means: |u - u'|^2 = (d^2 - (|a| - |b|)^2) / (|a| |b|).

    Args:
        vectors: (K, D) the means whose directions are meant; a common offset to those of the sweep does not matter.
        scale: (K,) squared norms of the sweep's centred means, which set the rounding of ``d^2``.
    """

    def __init__(self, vectors: Tensor, scale: Tensor) -> None:
        """Start with no pair."""
        self._norms = torch.linalg.vector_norm(vectors, dim=1)
        self._units = vectors / self._norms.unsqueeze(1)
        self._scale = scale
        self._riesz_power = vectors.shape[1] - 2
        self._all_positive = bool((self._norms > 0).all())
        self._riesz_parts: list[Tensor] = []
        self.log = Moments()
        self.max_cos = -math.inf

    def add(self, tile: Tile) -> None:
        """Take in one tile."""
        a, b = self._norms[tile.rows, None], self._norms[tile.columns]
        apart = (tile.distances - (a - b).square()) / (a * b)
        rounding = (self._scale[tile.rows, None] + self._scale[tile.columns]) / (a * b)
        recompute_near(apart, rounding, self._units[tile.rows], self._units[tile.columns], tile.pairs)
        defined = None if self._all_positive else (a > 0) & (b > 0)
        squared = tile.select(apart, defined)
        if squared.numel() == 0:
            return
        self.max_cos = max(self.max_cos, 1.0 - float(squared.min()) / 2)
        logs = squared[squared > 0].log_().mul_(-0.5)
        self.log.add(logs)
        if logs.numel():
            self._riesz_parts.append(torch.logsumexp(self._riesz_power * logs, dim=0))

    @property
    def riesz_log_mean(self) -> float:
        """Log of the mean of |u - u'|^-(D-2), in log space since the mean itself underflows at D = 1024."""
        if not self._riesz_parts:
            return math.nan
        return float(torch.logsumexp(torch.stack(self._riesz_parts), dim=0)) - math.log(self.log.count)


def sample_bracket(means: Tensor, variance: Tensor, bias: Tensor, widen: float) -> tuple[float, float]:
    """Return two values between which the median CDNV lies almost surely, from a seeded sample of pairs.

    With few pairs, everything lies between them; the median is exact either way, since the values inside are kept.
    """
    num_classes, draws = len(means), 1 << 16
    if num_classes * (num_classes - 1) // 2 <= 16 * draws or not math.isfinite(widen):
        return -math.inf, math.inf
    generator = torch.Generator().manual_seed(0)
    i = torch.randint(num_classes, (draws,), generator=generator).to(means.device)
    j = (i + 1 + torch.randint(num_classes - 1, (draws,), generator=generator).to(means.device)) % num_classes
    parts = [
        (means[a] - means[b]).square_().sum(dim=1) - bias[a] - bias[b]
        for a, b in zip(torch.split(i, _RECOMPUTE_ROWS), torch.split(j, _RECOMPUTE_ROWS), strict=True)
    ]
    distances = torch.cat(parts)
    values = ((variance[i] + variance[j]) / 2 / distances)[distances > 0].sort().values
    margin = widen * 0.5 / math.sqrt(max(1, len(values)))
    last = len(values) - 1
    low, high = (round(last * q) for q in (0.5 - margin, 0.5 + margin))
    return (
        float(values[low]) if low >= 0 and len(values) else -math.inf,
        float(values[high]) if high <= last and len(values) else math.inf,
    )
