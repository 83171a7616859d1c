"""Errors and intervals from values measured again without each group of text; plain numbers, no torch."""

from __future__ import annotations

import math
from collections.abc import Sequence

GROUPS = 10
"""Of neighbouring blocks of a text, each left out once."""
FEWEST_GROUPS = 5
"""A spread over fewer values says nothing of a spread: with four it is wrong by a factor of two in one case of ten."""

LEVEL = 0.95
_WIDEST = 1e4


def jackknife_error(replicates: Sequence[float]) -> float:
    """Return the standard error of a value by Tukey's delete-a-group jackknife.

    With G groups and theta_g the value without group g, the variance is (G-1)/G sum_g (theta_g - mean theta)^2.
    Stretches of text are independent draws far more nearly than tokens are, or than blocks of one document, which is
    why groups of neighbouring blocks are left out.

    Args:
        replicates: theta_g, one a group.

    Returns:
        NaN where a replicate is not finite: without that group the value is undefined or diverges.

    >>> round(jackknife_error([1.0, 1.2, 0.9, 1.1, 1.3]), 6)
    0.282843
    """
    if not all(map(math.isfinite, replicates)):
        return math.nan
    count = len(replicates)
    mean = math.fsum(replicates) / count
    return math.sqrt((count - 1) / count * math.fsum((value - mean) ** 2 for value in replicates))


def without_bias(value: float, replicates: Sequence[float]) -> float:
    """Return a value less its bias of order 1/n, by Quenouille's jackknife: G theta - (G-1) mean theta_g.

    The noise of a class mean falls with the number of its tokens, as if there were fewer of them where a document's
    go together; how the value moves as groups of text are left out shows how much of it is that noise.

    Args:
        value: theta, of all groups.
        replicates: theta_g, one a group.

    Returns:
        The value as it is where a replicate is not finite.

    >>> round(without_bias(1.10, [1.11, 1.12, 1.11, 1.10, 1.11]), 6)
    1.06
    """
    if not math.isfinite(value) or not all(map(math.isfinite, replicates)):
        return value
    count = len(replicates)
    return count * value - (count - 1) * math.fsum(replicates) / count


def t_quantile(groups: int, level: float = LEVEL) -> float:
    """Return by how many standard errors from ``groups`` groups an interval reaches out to either side.

    Student's t with ``groups - 1`` degrees of freedom; its law is elementary there (Abramowitz and Stegun, 26.7.3-4).

    >>> round(t_quantile(10), 4), round(t_quantile(5), 4)
    (2.2622, 2.7764)
    """
    low, high = 0.0, _WIDEST
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if _within(middle, groups - 1) < level else (low, middle)
    return high


def _within(t: float, freedom: int) -> float:
    """P(|T| < t)."""
    angle = math.atan(t / math.sqrt(freedom))
    cosine = math.cos(angle)
    term, terms = (cosine, 0.0) if freedom % 2 else (1.0, 0.0)
    for power in range(2 + freedom % 2, freedom + 1, 2):
        terms += term
        term *= cosine**2 * (power - 1) / power
    return 2 / math.pi * (angle + math.sin(angle) * terms) if freedom % 2 else math.sin(angle) * terms
