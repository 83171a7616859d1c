"""Correlations beyond a design, with intervals that know that rows of one cluster go together.

With 6 to 30 clusters the usual choices miss 95 %: resampling clusters covers 88 to 96 %, the plain sandwich 75 to 94 %,
leaving out one cluster at a time 94 to 99.8 % once settings are taken out. So the influence of each cluster on Fisher's
z is corrected for what the design takes from it, by the power -3/4 of its block of the residual maker, halfway between
the corrections CR2 (-1/2: 87 to 97 %) and CR3 (-1: 93 to 99.5 %), and referred to Student's t with the degrees of
freedom of Imbens and Kolesár (doi:10.1162/REST_a_00552), which few, uneven or strongly alike clusters lower.
That covers 93 to 97 %, as ``tests/unit/study/analysis/test_robust.py`` simulates.

Errors of single rows are in the rows, so they widen these intervals by themselves; to add them again would count
them twice. What they do to the correlation itself, which they pull towards 0, the reliability tells.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]
CONFIDENCE = 0.95
FEWEST_ROWS = 8
"""Rows below which there is no interval and no test."""
FEWEST_CLUSTERS = 5
"""Clusters below which there is no interval and no test."""
FEWEST_FREEDOM = 1.0
"""Degrees of freedom below which there is no interval and no test: one cluster would decide it."""
POWER = -0.75
"""Of a cluster's block of the residual maker: halfway between CR2 and CR3."""

_EXACT = 1e-12  # a correlation this near to 1 is 1 to rounding
_TINY = 1e-10  # what rounding leaves of a side that the design explains


@dataclass(frozen=True)
class Estimate:
    """A correlation with its interval and test, NaN below the floors.

    Attributes:
        r: The correlation.
        low: Lower end of its 95 % interval.
        high: Upper end.
        p: Two-sided, of no correlation.
        n: Rows.
        clusters: Clusters among them.
        df: Degrees of freedom of Student's t.
    """

    r: float
    low: float
    high: float
    p: float
    n: int
    clusters: int
    df: float


@dataclass(frozen=True)
class Influence:
    """Fisher's z, each cluster's influence on it, and the degrees of freedom of their sum of squares."""

    z: float
    by_cluster: Floats
    df: float


class ClusterModel:
    """What a design leaves of each row, and which rows go together.

    Args:
        design: (N, P) with a constant.
        clusters: (N,) numbers.
        weights: (N,) of the rows, inverse variances up to a factor; None for all the same.
    """

    def __init__(self, design: Floats, clusters: NDArray[np.int64], weights: Floats | None = None) -> None:
        """Find what the design leaves, and the correction of each cluster."""
        self.scale = np.ones(len(design)) if weights is None else np.sqrt(weights / weights.mean())
        basis, sizes, _ = np.linalg.svd(design * self.scale[:, None], full_matrices=False)
        basis = basis[:, sizes > 1e-10 * sizes[0]]
        self.maker = np.eye(len(design)) - basis @ basis.T
        self.n, self.freedom = len(design), len(design) - basis.shape[1] - 1
        self.members = [np.flatnonzero(clusters == each) for each in np.unique(clusters)]
        blocks = [self.maker[np.ix_(rows, rows)] for rows in self.members]
        self._corrections = [_power(block, POWER) for block in blocks]
        self._halfway = [_power(block, -0.5) for block in blocks]

    def residual(self, side: Floats) -> Floats:
        """Take out what the design explains; exactly 0 where it explains everything but rounding."""
        scaled = side * self.scale
        rest = np.asarray(self.maker @ scaled)
        return rest if np.abs(rest).max() > _TINY * np.abs(scaled).max() else np.zeros_like(rest)

    def reliability(self, side: Floats, errors: Floats | None) -> float:
        """Return the share of what the design leaves of a quantity that is more than the errors of its rows.

        The errors are taken to be independent. Rows that were measured on one text share a part of theirs, which moves
        them together and does no harm, so the true share is larger.
        """
        total = float((self.residual(side) ** 2).sum())
        if errors is None or total == 0 or not np.isfinite(side).all():
            return float("nan")
        return max(0.0, 1 - float((np.diag(self.maker) * (errors * self.scale) ** 2).sum()) / total)

    def influence(self, x: Floats, y: Floats) -> Influence | None:
        """Correlate what the design leaves of two sides; None where it leaves nothing of one."""
        if self.freedom < 1 or not (np.isfinite(x).all() and np.isfinite(y).all()):
            return None
        x, y = self.residual(x), self.residual(y)
        size_x, size_y = np.sqrt(x @ x), np.sqrt(y @ y)
        if size_x == 0 or size_y == 0:
            return None
        x, y = x / size_x, y / size_y
        r = float(np.clip(x @ y, -1, 1))
        if abs(r) > 1 - _EXACT:
            return Influence(float(np.arctanh(np.sign(r) * (1 - _EXACT))), np.zeros(len(self.members)), np.inf)
        by_cluster = [
            x[rows] @ fix @ y[rows] - r / 2 * (x[rows] @ fix @ x[rows] + y[rows] @ fix @ y[rows])
            for rows, fix in zip(self.members, self._corrections, strict=True)
        ]
        return Influence(float(np.arctanh(r)), np.array(by_cluster) / (1 - r * r), self._degrees(x, y - r * x))

    def _degrees(self, x: Floats, rest: Floats) -> float:
        """Match the variance of the sum of squares, with the likeness within clusters that the residuals show."""
        rows = [self.maker[:, rows] @ (fix @ x[rows]) for rows, fix in zip(self.members, self._halfway, strict=True)]
        each = np.array(rows)
        each -= np.outer(each @ x, x)
        sums = np.array([rest[rows].sum() for rows in self.members])
        pairs = sum(len(rows) * (len(rows) - 1) for rows in self.members)
        total = rest @ rest
        alike = max(0.0, float(sums @ sums - total) / pairs) if pairs else 0.0
        within = np.stack([each[:, rows].sum(axis=1) for rows in self.members], axis=1)
        spread = each @ each.T * max(total / self.n - alike, 0.0) + within @ within.T * alike
        squares = float((spread * spread).sum())
        return float(np.trace(spread)) ** 2 / squares if squares else 0.0

    def correlate(self, x: Floats, y: Floats) -> Estimate:
        """Correlate what the design leaves of two sides."""
        return self.estimate([self.influence(x, y)])

    def estimate(self, influences: list[Influence | None]) -> Estimate:
        """Average several influences on the scale of Fisher's z, and give the interval and the test of that."""
        nan, groups = float("nan"), len(self.members)
        found = [each for each in influences if each is not None]
        if not found or len(found) < len(influences):
            return Estimate(nan, nan, nan, nan, self.n, groups, nan)
        z = float(np.mean([each.z for each in found]))
        by_cluster = np.mean([each.by_cluster for each in found], axis=0)
        df = min(min(each.df for each in found), groups - 1.0)
        r = float(np.tanh(z))
        if self.n < FEWEST_ROWS or groups < FEWEST_CLUSTERS or df < FEWEST_FREEDOM:
            return Estimate(r, nan, nan, nan, self.n, groups, df)
        error = float(np.sqrt(by_cluster @ by_cluster))
        reach = float(stats.t.ppf((1 + CONFIDENCE) / 2, df)) * error
        p = float(2 * stats.t.sf(abs(z) / error, df)) if error else 0.0
        return Estimate(r, float(np.tanh(z - reach)), float(np.tanh(z + reach)), p, self.n, groups, df)


def _power(block: Floats, power: float) -> Floats:
    """Raise a symmetric block to a power, where it is not 0: what the design takes whole cannot be given back."""
    sizes, basis = np.linalg.eigh(block)
    kept = sizes > 1e-8
    return np.asarray((basis[:, kept] * sizes[kept] ** power) @ basis[:, kept].T)
