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


def without_bias(value: float, parts: Sequence[float], share: float) -> float:
    """Return a value less its bias of order 1/n, as parts of the text show it: theta - (mean theta_part - theta) k.

    The noise of a class mean falls with the number of its tokens, as if there were fewer of them where a document's
    go together; how the value moves as text is left out shows how much of it is that noise. A bias b/n is b/(share n)
    in the parts, so k = share / (1 - share). With every group left out in turn this is Quenouille's jackknife, with k
    one less than the groups: the best for a smooth value, and far too rough for a median, whose small jumps it
    multiplies by k. With halves k is 1.

    Args:
        value: theta, of all the text.
        parts: theta of each part.
        share: of the text that each part has, between 0 and 1.

    Returns:
        The value as it is where a part's is not finite.

    >>> round(without_bias(1.10, [1.11, 1.12, 1.11, 1.10, 1.11], 4 / 5), 6)
    1.06
    """
    if not math.isfinite(value) or not all(map(math.isfinite, parts)):
        return value
    return value - (math.fsum(parts) / len(parts) - value) * share / (1 - share)


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
