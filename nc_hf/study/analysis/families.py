"""Families of tests: what is left of each p when all that were made are counted."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]
LEVEL = 0.05
"""The chance of a false discovery that a family may have."""


def holm(p_values: Floats) -> Floats:
    """Adjust p-values by Holm's step-down rule, which holds under any dependence.

    The k-th smallest of m is multiplied by m - k + 1; no adjusted value falls below the one before it. A test that
    could not be made (NaN) is no member of the family.

    Example:
        >>> holm(np.array([0.01, 0.04, np.nan, 0.03])).round(2).tolist()
        [0.03, 0.06, nan, 0.06]
    """
    return _over_finite(_holm, p_values)


def benjamini_hochberg(p_values: Floats) -> Floats:
    """Adjust p-values for the false discovery rate; a test that could not be made (NaN) is left out."""
    return _over_finite(lambda made: np.asarray(stats.false_discovery_control(made, method="bh")), p_values)


def _holm(p_values: Floats) -> Floats:
    order = np.argsort(p_values)
    multiplied = p_values[order] * np.arange(len(p_values), 0, -1)
    adjusted = np.empty_like(p_values)
    adjusted[order] = np.minimum(np.maximum.accumulate(multiplied), 1.0)
    return adjusted


def _over_finite(adjust: Callable[[Floats], Floats], p_values: Floats) -> Floats:
    p_values = np.asarray(p_values, dtype=np.float64)
    made = np.isfinite(p_values)
    adjusted = np.full_like(p_values, np.nan)
    if made.any():
        adjusted[made] = adjust(p_values[made])
    return adjusted
