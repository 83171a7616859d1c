"""What metrics are of random directions, against which a value says something.

Class means, rows of the head and the mean of another text are drawn independently and evenly on the sphere of R^D, with
many classes: what a model reaches that has learnt nothing but to point its tokens somewhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

_LARGE = 12.0
"""From here on the asymptotic series below are exact to the last digits of a double."""


@dataclass(frozen=True)
class AtRandom:
    """A metric of random directions.

    Attributes:
        formula: in D, for a reader.
        value: of D.
        formula_of_rank: the same of directions with the covariance of the class means, in D and their participation
            ratio PR; empty where that is not known.
        value_of_rank: of D and PR.
    """

    formula: str
    value: Callable[[float], float]
    formula_of_rank: str = ""
    value_of_rank: Callable[[float, float], float] | None = None


def uniform_log_moments(dim: float) -> tuple[float, float]:
    """Mean and std of log(1/|u - u'|) for two directions drawn uniformly on the sphere of R^dim.

    Closed form from the beta law of |u - u'|^2 / 4; undefined (NaN) on the two points that are the sphere of R^1.

    >>> round(uniform_log_moments(64)[1], 4)
    0.0637
    """
    if dim < 2:
        return math.nan, math.nan
    half, whole = (dim - 1) / 2, dim - 1.0
    mean = -0.5 * (math.log(4) + _digamma(half) - _digamma(whole))
    return mean, 0.5 * math.sqrt(_trigamma(half) - _trigamma(whole))


def _digamma(x: float) -> float:
    """Derivative of log Gamma at x > 0."""
    steps = 0.0
    while x < _LARGE:
        steps, x = steps - 1 / x, x + 1
    s = 1 / (x * x)
    series = s * (1 / 12 - s * (1 / 120 - s * (1 / 252 - s * (1 / 240 - s * (1 / 132 - s * 691 / 32760)))))
    return steps + math.log(x) - 0.5 / x - series


def _trigamma(x: float) -> float:
    """Second derivative of log Gamma at x > 0."""
    steps = 0.0
    while x < _LARGE:
        steps, x = steps + 1 / (x * x), x + 1
    s = 1 / (x * x)
    series = s * (1 / 6 - s * (1 / 30 - s * (1 / 42 - s * (1 / 30 - s * (5 / 66 - s * (691 / 2730 - s * 7 / 6))))))
    return steps + (1 + 0.5 / x + series) / x


ZERO = AtRandom("0", lambda dim: 0.0)
ONE_OVER_ROOT = AtRandom("1/√D", lambda dim: dim**-0.5)
LOG_MEAN = AtRandom("uniform law", lambda dim: uniform_log_moments(dim)[0])
LOG_STD = AtRandom("uniform law", lambda dim: uniform_log_moments(dim)[1])
LOG_COV = AtRandom("uniform law", lambda dim: uniform_log_moments(dim)[1] / uniform_log_moments(dim)[0])
LOG_STD_RATIO = AtRandom("1", lambda dim: 1.0, "about √(D/PR)", lambda dim, rank: math.sqrt(dim / rank))
DUAL_ERROR = AtRandom("√2", lambda dim: math.sqrt(2))
MEAN_ABS_COSINE = AtRandom(
    "√(2/πD)", lambda dim: math.exp(math.lgamma(dim / 2) - math.lgamma((dim + 1) / 2)) / math.sqrt(math.pi)
)
