"""Two quantities of a pair of classes: their scatter against their distance, and how far their directions differ."""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from nc_hf.metrics.classes import beyond_noise
from nc_hf.metrics.pairwise import SINGLE_FROM, Scratch, Tile
from nc_hf.metrics.rows import Rows, norms_of
from nc_hf.metrics.streams import Largest, Median, Moments

TOP = 10
"""Pairs whose share of the mean CDNV is told."""
_SAMPLE_ROWS = 1024
_DRAWS = (1 << 14, 1 << 18)
_SINGLE_ROUNDING = 1e-5


class VariabilityKernel:
    """CDNV of every pair: (s_c + s_c') / (2 d^2k), with ``d^2`` the squared distance less the bias of both means.

    A corrected distance that is not positive tells nothing apart: such a pair is excluded, with its number. Without
    correction, coincident means are a limit: infinite with scatter, undefined without.

    Args:
        variance: (K,) within-class variance of each class.
        bias: (K,) what the mean's own sampling adds to each squared distance; None for the plug-in form.
        power: the exponent k of the squared distance.
        bracket: where the median lies, if it is asked for, and with it the logarithms' mean.
        median_alone: whether moments, logarithms and the largest values are left out.
    """

    def __init__(
        self,
        variance: Tensor,
        bias: Tensor | None,
        power: int,
        bracket: tuple[float, float] | None = None,
        *,
        median_alone: bool = False,
    ) -> None:
        """Start with no pair."""
        self._median_alone = median_alone
        self._half_variance, self._bias, self._power = variance / 2, bias, power
        self._scratch = Scratch()
        self.values, self.pairs, self._told_apart = Moments(), 0, 0
        self._largest = Largest(TOP)
        self._median = None if bracket is None else Median(bracket)
        self._log_sum = 0.0

    def add(self, tile: Tile) -> None:
        """Take in one tile."""
        squared, told_apart = tile.distances, None
        if self._bias is not None:
            mine, other = tile.of_its_means(self._bias)
            squared = torch.sub(squared, mine, out=self._scratch.like(squared, 0)).sub_(other)
            near = tile.near(squared, self._scratch.like(squared, 1))
            if tile.is_crowded(near):
                self.add(tile.in_double())
                return
            tile.recompute(squared, near, lambda i, j: self._beyond_noise(tile, i, j))
            told_apart = squared > 0 if float(squared.amin()) <= 0 else None
        values = torch.add(*tile.of_its_means(self._half_variance), out=self._scratch.like(squared, 1))
        for _ in range(self._power):
            values.div_(squared)
        self._take(tile.select(values, told_apart), tile.num_pairs())

    def _beyond_noise(self, tile: Tile, i: Tensor, j: Tensor) -> Tensor:
        assert self._bias is not None
        return beyond_noise(tile.squared_difference(i, j), self._bias[i] + self._bias[j])

    def _take(self, values: Tensor, pairs: int) -> None:
        self.pairs += pairs
        self._told_apart += len(values)
        if self._median is not None:
            self._median.add(values)
        if self._median_alone:
            return
        self.values.add(values)
        self._largest.add(values)
        if self._median is not None:
            self._log_sum += float(values.log().sum(dtype=torch.float64))  # a pair without scatter stays -inf

    @property
    def excluded(self) -> int:
        """Number of pairs whose distance less its bias is not positive."""
        return self.pairs - self._told_apart

    @property
    def top_share(self) -> float:
        """Share of the sum of all values that the largest make; NaN where all are 0, or there is none."""
        total = self.values.mean * self.values.count
        return self._largest.sum / total if total > 0 else math.nan

    @property
    def log_mean(self) -> float:
        """Mean of the values' logarithms, an excluded pair's being +inf, and that of a pair without scatter -inf."""
        if self._median is None:
            return math.nan
        return (self._log_sum + (math.inf if self.excluded else 0.0)) / self.pairs

    def median(self) -> float | None:
        """Return the median, excluded pairs above all others, or None if it lies outside the bracket."""
        return self._median_of_all

    @cached_property
    def _median_of_all(self) -> float | None:
        return math.nan if self._median is None else self._median.value(above=self.excluded)


class DirectionKernel:
    """Distances between the directions of the means: moments of log(1/|u - u'|), the Riesz sum, and the largest cosine.

    The distance of two directions follows from that of the means: |u - u'|^2 = (d^2 - (|a| - |b|)^2) / (|a| |b|). Where
    they coincide, the logarithm is infinite. A vector of zero has no direction, and its pairs no distance.

    Args:
        vectors: (K, D) the means whose directions are meant; a common offset to those of the sweep does not matter.
        means: (K, D) the means, whose differences have all digits; as ``vectors`` but for an offset.
        rounding: what a mean may be off by; directions that differ by no more for it coincide.
        riesz: whether the Riesz sum is wanted.
    """

    def __init__(self, vectors: Rows, means: Rows | None = None, rounding: float = 0.0, *, riesz: bool = True) -> None:
        """Start with no pair."""
        self._riesz = riesz
        self._vectors, self._means, self._rounding = vectors, vectors if means is None else means, rounding
        self._norms = norms_of(vectors)
        # A difference of norms keeps its digits in float32 if what they have in common is left out.
        self._beyond_least = self._norms - self._norms.min()
        self._inverse = 1 / self._norms
        self._scratch = Scratch()
        self._riesz_power = vectors.shape[1] - 2
        self._riesz_log_sum = -math.inf
        self.undirected = int((self._norms == 0).sum())
        self.log = Moments()
        self._closest = math.inf

    def add(self, tile: Tile) -> None:
        """Take in one tile."""
        apart, defined = self._scratch.like(tile.distances, 0), None
        torch.sub(*tile.of_its_means(self._beyond_least), out=apart)
        torch.sub(tile.distances, apart.square_(), out=apart)
        if self.undirected:
            mine, other = tile.of_its_means(self._norms)
            defined = (mine > 0) & (other > 0)
            apart.masked_fill_(~defined, torch.inf)
        near = tile.near(apart, self._scratch.like(apart, 1))
        if tile.is_crowded(near):
            self.add(tile.in_double())
            return
        for inverse in tile.of_its_means(self._inverse):
            apart.mul_(inverse)
        tile.recompute(apart, near, self._squared_chord)
        squared = tile.select(apart, defined)
        if squared.numel() == 0:
            return
        self._closest = min(self._closest, float(squared.amin()))
        logs = squared.log_().mul_(-0.5)
        self.log.add(logs)
        if self._riesz:
            part = self._log_sum_exp(logs)
            with np.errstate(invalid="ignore"):  # of two dimensions the power is 0, and 0 x log 0 of no use
                self._riesz_log_sum = float(np.logaddexp(self._riesz_log_sum, part))

    def _log_sum_exp(self, logs: Tensor) -> float:
        """Return the logarithm of this tile's part of the Riesz sum, and leave the logarithms changed."""
        powers = logs.mul_(self._riesz_power)
        largest = float(powers.amax())
        if not math.isfinite(largest):
            return largest
        # What is smaller by e^80 than another adds nothing, and takes thirty times as long where it underflows.
        return largest + math.log(float(powers.sub_(largest).clamp_(min=-80.0).exp_().sum(dtype=torch.float64)))

    def _squared_chord(self, i: Tensor, j: Tensor) -> Tensor:
        """Return (N,) |u_i - u_j|^2 from what of mu_i - mu_j is across the shorter vector: free of cancellation."""
        a, b, difference = self._vectors[i], self._vectors[j], self._means[i] - self._means[j]
        norms = torch.stack([self._norms[i], self._norms[j]])
        shorter, longer = norms.min(dim=0).values, norms.max(dim=0).values
        unit = torch.where((norms[0] < norms[1]).unsqueeze(1), a, b) / shorter.unsqueeze(1)
        across = difference - (difference * unit).sum(dim=1, keepdim=True) * unit
        sine = torch.linalg.vector_norm(across, dim=1) / longer
        cosine = (a * b).sum(dim=1) / (shorter * longer)
        squared = torch.where(cosine > 0.5, 2 * sine.square() / (1 + cosine), 2 - 2 * cosine)
        return squared.masked_fill_(squared.sqrt() * shorter <= self._rounding, 0.0)

    @property
    def max_cos(self) -> float:
        """Largest cosine; NaN without a pair."""
        return 1.0 - self._closest / 2 if math.isfinite(self._closest) else math.nan

    @property
    def riesz_log_mean(self) -> float:
        """Log of the mean of |u - u'|^-(D-2), in log space since the mean itself underflows at D = 1024."""
        if not (self._riesz and self.log.count):
            return math.nan
        if self._riesz_power == 0:  # also of a distance of zero, whose power is constant on the way there
            return 0.0
        return self._riesz_log_sum - math.log(self.log.count)


def sample_bracket(means: Tensor, variance: Tensor, bias: Tensor, widen: float) -> tuple[float, float]:
    """Return two values between which the median CDNV lies almost surely, from a seeded sample of pairs.

    With few pairs, everything lies between them; the median is exact either way, since the values inside are kept.
    """
    num_classes = len(means)
    num_pairs = num_classes * (num_classes - 1) // 2
    # So many that what lies between, 5 / sqrt(draws) of the pairs, stays small, for a small share of the sweep's time.
    draws = min(max(_DRAWS[0], num_pairs >> 13), _DRAWS[1])
    if num_pairs <= 16 * draws or not math.isfinite(widen):
        return -math.inf, math.inf
    generator = torch.Generator().manual_seed(0)
    i = torch.randint(num_classes, (draws,), generator=generator).to(means.device)
    j = (i + 1 + torch.randint(num_classes - 1, (draws,), generator=generator).to(means.device)) % num_classes
    parts = [
        beyond_noise((means[a] - means[b]).square_().sum(dim=1), bias[a] + bias[b])
        for a, b in zip(torch.split(i, _SAMPLE_ROWS), torch.split(j, _SAMPLE_ROWS), strict=True)
    ]
    distances = torch.cat(parts)
    values = ((variance[i] + variance[j]) / 2 / distances).where(distances > 0, math.inf).sort().values
    margin = widen * 0.5 / math.sqrt(draws)
    low, high = (round((draws - 1) * q) for q in (0.5 - margin, 0.5 + margin))
    rounding = _SINGLE_ROUNDING if num_classes >= SINGLE_FROM else 0.0  # of the sweep, where all values may be alike
    return (
        float(values[low]) * (1 - rounding) if low >= 0 else -math.inf,
        float(values[high]) * (1 + rounding) if high < draws else math.inf,
    )
