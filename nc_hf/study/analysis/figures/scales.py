"""Axes that drop nothing: logarithmic, linear, or logarithmic with room for zero and what is below it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from numpy.typing import NDArray

from nc_hf.metrics.table import METRICS
from nc_hf.report.figures.style import log_axis, spans_decades

Scale = Literal["log", "symlog", "linear"]
Floats = NDArray[np.float64]
FACTOR = 30.0
"""The largest over the smallest magnitude from which on an axis is logarithmic."""
_BELOW_ZERO = 1000.0  # the same over the median magnitude, for values of both signs
_MOST_TICKS = 7


def finite(values: Iterable[float]) -> Floats:
    """Take what can be drawn."""
    every = np.asarray(list(values), dtype=np.float64)
    return np.asarray(every[np.isfinite(every)])


def choose_scale(name: str, values: Iterable[float], factor: float = FACTOR) -> Scale:
    """Choose the scale of an axis.

    Positive values over more than ``factor`` are drawn on a log axis; where there are zeros among them, or values of
    both signs over thousands of times their typical size, on one that is linear around zero. Shares of tokens stay
    linear: near 0 their logarithm is that of a few tokens.
    """
    known = finite(values)
    size = np.abs(known[known != 0])
    if not len(size) or (name in METRICS and METRICS[name].share_of is not None):
        return "linear"
    if (known > 0).all():
        return "log" if spans_decades(known, factor) else "linear"
    if (known >= 0).all():
        return "symlog" if spans_decades(size, factor) else "linear"
    return "symlog" if size.max() > _BELOW_ZERO * np.median(size) else "linear"


def set_scale(axes: Axes, scale: Scale, values: Iterable[float], which: Literal["x", "y"] = "y") -> None:
    """Give an axis its scale and plain numbers for ticks, after all has been drawn."""
    if scale == "log":
        log_axis(axes, which)
    elif scale == "symlog":
        known = finite(values)
        size = np.abs(known[known != 0])
        # As a power of ten, or ticks would stand at odd numbers; what is smaller shares the room around zero.
        edge = 10.0 ** np.floor(np.log10(size.min() if (known >= 0).all() else np.median(size)))
        getattr(axes, f"set_{which}scale")("symlog", linthresh=edge, linscale=0.5)
        axes.autoscale_view(scalex=which == "x", scaley=which == "y")  # margins of the new scale, or marks are clipped
        axis = getattr(axes, f"{which}axis")
        axis.set_major_locator(FixedLocator(_both_sides(edge, float(known.min()), float(known.max()))))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_locator(NullLocator())


def _both_sides(edge: float, low: float, high: float) -> list[float]:
    """Ticks at zero and at powers of ten, on the sides where there are values."""
    decades = [edge * 10**k for k in range(1 + int(np.ceil(np.log10(max(abs(low), high) / edge))))]
    every = -(-len(decades) // _MOST_TICKS) if decades else 1
    shown = decades[::-1][::every][::-1]
    return [*(-each for each in shown[::-1] if low < 0), 0.0, *(each for each in shown if high > 0)]
