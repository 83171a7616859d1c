"""Exact tests by rearrangement: what the data would say had chance alone decided who is who.

Each tries every arrangement where these are at most as many as are allowed; else it draws that many, and the real one
counts among them, so that p is never 0.
"""

from __future__ import annotations

from itertools import permutations
from math import factorial, prod

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from nc_hf.study.analysis.correlation import pearson

Floats = NDArray[np.float64]

_BATCH = 50_000  # bounds the memory of a batch of permutations of 21 seeds to about 10 MB
_ATTAINABLE_DIGITS = 12  # statistics equal but for the order of summation must count as equal
_MOST_ORDERS = 5040  # of the levels of one unit: 7!


def permutation_p(x: Floats, y: Floats, draws: int, seed: int) -> tuple[float, bool]:
    """Compute the two-sided permutation p of Pearson's r, and whether every pairing was tried."""

    def strength(shuffled: Floats, axis: int = -1) -> Floats:
        return np.abs(pearson(x, shuffled, axis=axis)).round(_ATTAINABLE_DIGITS)

    result = stats.permutation_test(
        (y,),
        strength,
        permutation_type="pairings",
        vectorized=True,
        n_resamples=draws,
        batch=_BATCH,
        alternative="greater",
        rng=seed,
    )
    return float(result.pvalue), factorial(len(y)) <= draws  # scipy's own condition for enumerating


def sign_flip_p(differences: Floats, draws: int, seed: int) -> float:
    """Compute the two-sided p of a mean of differences whose signs chance would have given.

    Args:
        differences: (N,) of independent units.
        draws: The most arrangements to try; all ``2^N`` are where they are no more.
        seed: Seed of the draws.

    Example:
        >>> sign_flip_p(np.array([1.0, 2.0, 3.0, 1.0, 2.0, 3.0]), 100, 0)
        0.03125
    """
    return contributions_p([np.array([each, -each]) for each in differences], draws, seed)


def contributions_p(units: list[Floats], draws: int, seed: int) -> float:
    """Compute the two-sided p of a sum over independent units, each of which has its possible contributions.

    Args:
        units: Of each unit the contributions under all of its arrangements, the real one first.
        draws: The most combinations to try; all are where they are no more.
        seed: Seed of the draws.
    """
    scale = max(float(np.abs(np.concatenate(units)).max()), 1e-300)
    units = [unit / scale for unit in units]
    real = round(abs(sum(float(unit[0]) for unit in units)), _ATTAINABLE_DIGITS)
    if prod(len(unit) for unit in units) <= draws:
        sums = np.zeros(1)
        for unit in units:
            sums = np.add.outer(sums, unit).ravel()
        return float(np.mean(np.abs(sums).round(_ATTAINABLE_DIGITS) >= real))
    rng, above = np.random.default_rng(seed), 0
    for start in range(0, draws, _BATCH):
        size = min(_BATCH, draws - start)
        sums = sum((unit[rng.integers(len(unit), size=size)] for unit in units), np.zeros(size))
        above += int((np.abs(sums).round(_ATTAINABLE_DIGITS) >= real).sum())
    return (above + 1) / (draws + 1)


def orders(levels: int, seed: int) -> NDArray[np.int64]:
    """List the orders of some levels (M, levels), the real one first: all, or as many as bear to be listed."""
    if factorial(levels) <= _MOST_ORDERS:
        return np.array(list(permutations(range(levels))), dtype=np.int64)
    rng = np.random.default_rng(seed)
    drawn = np.argsort(rng.random((_MOST_ORDERS - 1, levels)), axis=1)
    return np.vstack([np.arange(levels), drawn]).astype(np.int64)


def smallest_pairing_p(n: int) -> float:
    """Return the smallest p that all pairings of n values can give."""
    return 1 / factorial(n)


def smallest_flip_p(n: int) -> float:
    """Return the smallest p that all signs of n differences can give."""
    return 2.0 ** (1 - n)
