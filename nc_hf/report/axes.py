"""When the axis of a value is a logarithmic one, in every picture by the same rule."""

from __future__ import annotations

import math
from collections.abc import Iterable

from nc_hf.metrics.table import METRICS


def spans_decades(values: Iterable[float], factor: float = 3.0) -> bool:
    """Tell whether values call for a log axis: all positive, and the largest a few times the smallest."""
    finite = [value for value in values if math.isfinite(value)]
    return bool(finite) and min(finite) > 0 and max(finite) / min(finite) > factor


def wants_log(name: str, values: Iterable[float], factor: float) -> bool:
    """Tell whether a metric's axis should be logarithmic.

    NC4 and what goes with it are shares of tokens: near 0 their logarithm is that of a few tokens, so they stay linear.
    """
    of_tokens = name in METRICS and METRICS[name].share_of is not None
    return not of_tokens and spans_decades(values, factor)
