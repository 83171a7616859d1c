"""What all charts share: their look in light and dark, their axes, and one panel as a specification of Vega-Lite.

A panel names styles (``mine``, ``error`` and so on) and no colours, so that a page may draw it anew on other paper.
Each panel is a view of its own as wide as its place; panels of one chart stand in a grid that the page lays out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nc_hf.report.palette import DARK, LIGHT, Palette
from nc_hf.report.words import ARROWS, direction, title

Spec = dict[str, Any]

VERSION = "6.4"
"""Of Vega-Lite, in which the panels are written."""
GLYPHS = {"square": "■", "triangle-up": "▲", "diamond": "◆", "triangle-down": "▼", "cross": "✚", "triangle-right": "▶"}
"""The shapes of several things side by side, and the same in text; no circle, for ● and ○ mark the most collapsed."""
SHAPES = tuple(GLYPHS)
DIGITS = ".3~g"
"""Three significant digits, as a hover shows them."""
_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"
_HEIGHT = 190


@dataclass(frozen=True)
class Chart:
    """One picture.

    Attributes:
        name: one word, for anchors and file names.
        title: what it shows.
        note: how to read it, in a sentence or two below it.
        panels: views of Vega-Lite, each with a ``description``; none where there is nothing to draw, and the note says
            why.
    """

    name: str
    title: str
    note: str
    panels: tuple[Spec, ...] = ()

    @property
    def description(self) -> str:
        """The picture for who does not see it."""
        return f"{self.title}. {' '.join(panel['description'] for panel in self.panels)}".strip()


def panel(heading: str, description: str, rows: Sequence[Spec], layers: Sequence[Spec], **more: Any) -> Spec:
    """Return one view, as wide as its place.

    Args:
        heading: above it.
        description: its text alternative.
        rows: the data.
        layers: marks with their encodings.
        more: other entries of the view, such as ``encoding`` for all layers.
    """
    return {
        "$schema": f"https://vega.github.io/schema/vega-lite/v{VERSION.partition('.')[0]}.json",
        "title": heading,
        "description": description,
        "width": "container",
        "height": _HEIGHT,
        "autosize": {"type": "fit-x", "contains": "padding"},
        "data": {"values": list(rows)},
        "layer": list(layers),
        **more,
    }


def mark(kind: str, style: str, **more: Any) -> Spec:
    """Return a mark in one of the styles below."""
    return {"type": kind, "style": style, **more}


def quantity(field: str, heading: str = "", *, log: bool = False, zero: bool = False, **more: Any) -> Spec:
    """Return the position of a number, on a logarithmic axis if asked for."""
    scale = {"type": "log"} if log else {"zero": zero}
    axis = {"grid": not log, **more.pop("axis", {})}  # a log axis has ticks enough
    return {"field": field, "type": "quantitative", "title": heading or None, "scale": scale, "axis": axis, **more}


def hover(words: Sequence[tuple[str, str]] = (), numbers: Sequence[tuple[str, str]] = ()) -> list[Spec]:
    """Return what a hover shows, as pairs of a field and its heading; numbers have three significant digits."""
    said: list[Spec] = [{"field": field, "title": heading, "type": "nominal"} for field, heading in words]
    return said + [
        {"field": field, "title": heading, "type": "quantitative", "format": DIGITS} for field, heading in numbers
    ]


def ending(most: int) -> str:
    """Return the expression that writes a long label by its end, which tells names of one beginning apart."""
    return f"length(datum.label) > {most} ? '…' + slice(datum.label, -{most - 1}) : datum.label"


def heading_of(name: str) -> str:
    """Return what stands above a metric's panel: its name and the direction of collapse."""
    return f"{name} {ARROWS[direction(name)]}" if title(name) else name


def config(palette: Palette) -> Spec:
    """Return the look on the paper of a palette."""
    subdued = palette.shade
    return {
        "background": None,
        "font": _FONT,
        "view": {"stroke": None},
        "title": {"color": palette.ink, "fontSize": 12, "fontWeight": 600, "anchor": "start", "offset": 8},
        "axis": {
            "labelColor": palette.ink,
            "titleColor": palette.ink,
            "titleFontWeight": "normal",
            "domainColor": subdued,
            "tickColor": subdued,
            "gridColor": palette.grid,
            "labelFontSize": 11,
            "titleFontSize": 11,
            "tickCount": 5,
            "labelOverlap": True,
        },
        "legend": {"labelColor": palette.ink, "titleColor": palette.ink, "orient": "bottom", "columns": 2,
                   "labelLimit": 260, "symbolSize": 70},
        "mark": {"aria": False},  # the description of a panel says it; hundreds of points would each be read out
        "range": {"category": list(palette.series)},
        "style": {
            "mine": {"color": palette.accent, "fill": palette.accent, "opacity": 1, "size": 80},
            "curve": {"color": palette.accent, "stroke": palette.accent, "strokeWidth": 2},
            "error": {"color": palette.accent, "stroke": palette.accent, "strokeWidth": 1.5},
            "others": {"color": palette.ink, "stroke": palette.ink, "filled": False, "strokeWidth": 1.5, "size": 60,
                       "shape": "diamond"},
            "behind": {"color": subdued, "fill": subdued, "opacity": 0.45, "size": 18},
            "limit": {"color": subdued, "stroke": subdued, "strokeDash": [4, 3]},
        },
    }  # fmt: skip


THEMES: dict[str, Spec] = {"light": config(LIGHT), "dark": config(DARK)}
