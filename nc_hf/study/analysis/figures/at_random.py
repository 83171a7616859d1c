"""What random directions have, in the panel of a metric: dotted lines, by width where widths differ, and words."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from nc_hf.metrics.table import METRICS
from nc_hf.report.figures.style import INK, SHADE
from nc_hf.study.analysis.figures.scales import Scale, finite

Floats = NDArray[np.float64]
_REACH = 0.6  # of the range of the values: a line farther off is told in words, so as not to press the values together
_CLOSE = 0.035  # of the panel: labels nearer than that to the one before are left out
RANK = "nc2_participation_ratio"


def draw_at_random(axes: Axes, frame: pd.DataFrame, name: str, scale: Scale) -> list[str]:
    """Draw what random directions have of a metric, and return the words for it, line by line.

    Lines that would lie far outside the values are not drawn; the words then give their values.

    Args:
        axes: The panel, with its points drawn and its scale still to be set.
        frame: The rows of the panel, with ``width``.
        name: The metric.
        scale: The scale that the panel will have.
    """
    said = METRICS[name].at_random if name in METRICS else None
    values = finite(frame[name])
    if said is None or not len(values):
        return []
    widths = np.unique(frame["width"].to_numpy(np.float64))
    lines = {width: said.value(width) for width in widths}
    heights = np.unique([height for height in lines.values() if np.isfinite(height)])
    shown = heights[within_reach(heights, values, scale)]
    for height in shown:
        axes.axhline(height, color=INK, lw=1.0, ls=":", zorder=0.95)
    if len(heights) > 1:
        _name_lines(axes, {width: height for width, height in lines.items() if height in shown}, scale)
    named = len(heights) > 1 and len(shown) == len(heights)  # each line has its width, so no value is needed
    several = len(heights) > 1 or said.formula[:1].isalpha()
    value = f"{said.formula} = {_span(heights)}" if several and not named else said.formula
    words = f"random directions{' (dotted)' * bool(len(shown))}: {value}{_beyond(heights, shown, values)}"
    return [words, *_draw_by_rank(axes, frame, name, scale)]


def within_reach(heights: Floats, values: Floats, scale: Scale) -> NDArray[np.bool_]:
    """Tell which lines lie among the values or near them, on the scale of their panel."""
    if scale == "log":
        known = heights > 0
        heights, values = np.log(np.where(known, heights, np.nan)), np.log(values)
    room = _REACH * max(float(np.ptp(values)), 0.05 * float(np.abs(values).max()))
    return np.asarray((heights >= values.min() - room) & (heights <= values.max() + room))


def _draw_by_rank(axes: Axes, frame: pd.DataFrame, name: str, scale: Scale) -> list[str]:
    """Draw, at the loss of each model, what directions of its class means' covariance have."""
    said = METRICS[name].at_random
    if said is None or said.value_of_rank is None or RANK not in frame:
        return []
    known = frame[(frame[RANK] > 0) & np.isfinite(frame["val_loss"].to_numpy(np.float64))]
    pairs = zip(known["width"].to_numpy(np.float64), known[RANK].to_numpy(np.float64), strict=True)
    heights = np.array([said.value_of_rank(dim, rank) for dim, rank in pairs])
    near = within_reach(heights, finite(frame[name]), scale) if len(heights) else np.zeros(0, dtype=bool)
    if not near.all() or not len(near):
        return []
    axes.scatter(known["val_loss"], heights, marker="_", s=60, c=SHADE, lw=1.2, zorder=0.8)
    return [f"dashes: with the means' own covariance, {said.formula_of_rank}"]


def _name_lines(axes: Axes, lines: dict[float, float], scale: Scale) -> None:
    """Write the width at the end of each line; of those that lie close together the first, from above, is named."""
    low, high = axes.get_ylim()
    heights = np.array(list(lines.values()))
    places = np.log(heights) if scale == "log" else heights
    ends = np.log([max(low, 1e-300), high]) if scale == "log" else np.array([low, high])
    span = max(float(ends[1]), *places) - min(float(ends[0]), *places) if len(places) else 1.0
    last = np.inf
    for place, height, width in sorted(zip(places, heights, lines, strict=True), reverse=True):
        if last - place > _CLOSE * span:
            axes.annotate(
                f"D={width:g}", (1.0, height), xycoords=("axes fraction", "data"), xytext=(3, 0),
                textcoords="offset points", fontsize=7, va="center", color=INK, annotation_clip=False,
            )  # fmt: skip
            last = place


def _span(heights: Floats) -> str:
    """Write the values, the smallest to the largest."""
    ends = dict.fromkeys(f"{height:.2g}" for height in (heights.min(), heights.max()))
    return " to ".join(ends)


def _beyond(heights: Floats, shown: Floats, values: Floats) -> str:
    """Say where the lines are that are not drawn."""
    if len(shown):
        return "" if len(shown) == len(heights) else ", in part far off"
    return ", far above" if heights.min() > values.max() else ", far below" if heights.max() < values.min() else ""
