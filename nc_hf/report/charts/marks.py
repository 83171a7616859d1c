"""What tells models apart in a picture, its legend and the table beside it: an order, a colour and a shape."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nc_hf.report.record import MetricValue
from nc_hf.report.words import number

Spec = dict[str, Any]
_DECADES = 20.0  # from which spread on a scale is logarithmic


@dataclass(frozen=True)
class Mark:
    """How one model is drawn.

    Attributes:
        colour: hexadecimal; stands out 3 to 1 or more on white and on the dark theme's ground.
        shape: by Vega's name.
        glyph: the same shape in text.
    """

    colour: str
    shape: str
    glyph: str


# No circle: in a comparison ● and ○ mark the most collapsed.
MARKS = (
    Mark("#2878b5", "square", "■"),
    Mark("#d55e00", "triangle-up", "▲"),
    Mark("#00936b", "diamond", "◆"),
    Mark("#b8619a", "triangle-down", "▼"),
    Mark("#a87900", "cross", "✚"),
    Mark("#7a7a7a", "triangle-right", "▶"),
)


def by_model(names: Sequence[str], *, legend: bool) -> Spec:
    """Return the channels colour and shape of the field ``model``, in the order of the names."""
    marks = [MARKS[place % len(MARKS)] for place in range(len(names))]
    shown = {"title": None, "orient": "top", "columns": 1, "labelLimit": 300, "symbolSize": 90} if legend else None
    return {
        "color": {
            "field": "model",
            "type": "nominal",
            "scale": {"domain": list(names), "range": [mark.colour for mark in marks]},
            "legend": shown,
        },
        "shape": {
            "field": "model",
            "type": "nominal",
            "scale": {"domain": list(names), "range": [mark.shape for mark in marks]},
            "legend": shown,
        },
    }


def hovered(metric: MetricValue) -> str:
    """Write a value with three significant digits and its error with two, as a reader hovers it.

    >>> hovered(MetricValue(0.123456, 0.00321)), hovered(MetricValue(1.0))
    ('0.123 ± 0.0032', '1.00')
    """
    return number(metric.value, 3) + (f" ± {number(metric.stderr, 2)}" if metric.stderr else "")


def value_axis(title: str, values: Sequence[float]) -> Spec:
    """Return scale and axis of a field that is drawn upwards or to the right.

    Where all values are above zero and spread over a factor of 20, the scale is logarithmic with ticks at 1, 2 and 5;
    over more than three decades, at powers of ten alone.
    """
    axis: Spec = {"title": title, "tickCount": 5}
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    if not 0 < low < high / _DECADES:
        return {"scale": {"zero": False, "nice": True, "padding": 8}, "axis": axis}
    steps = (1, 2, 5) if high / low < 1_000 else (1,)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [step * 10.0**power for power in powers for step in steps if low <= step * 10.0**power <= high]
    scale = {"type": "log", "nice": False, "padding": 8}
    return {"scale": scale, "axis": {**axis, "values": ticks, "format": "~g" if high < 10_000 else "~s"}}
