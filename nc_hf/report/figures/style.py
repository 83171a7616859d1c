"""How the figures look: legible in grey and for the colour-blind, the same on every machine."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator
from numpy.typing import NDArray

from nc_hf.metrics.table import FAMILIES, METRICS
from nc_hf.report.axes import spans_decades as spans_decades
from nc_hf.report.axes import wants_log as wants_log
from nc_hf.report.palette import DARK as DARK
from nc_hf.report.palette import LIGHT as LIGHT
from nc_hf.report.palette import Palette as Palette

INK, ACCENT, SHADE = LIGHT.ink, LIGHT.accent, LIGHT.shade
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")

# Viridis without its lightest fifth, which vanishes on white; its lightness rises steadily, so grey prints keep order.
SIZES = LinearSegmentedColormap.from_list("sizes", matplotlib.colormaps["viridis"](np.linspace(0, 0.82, 256)))

STYLE: dict[str, Any] = {
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.labelsize": 10,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": LIGHT.grid,
    "grid.linewidth": 0.7,
    "axes.formatter.useoffset": False,
    "figure.constrained_layout.w_pad": 0.08,
    "legend.frameon": False,
    "lines.solid_capstyle": "round",
    "svg.hashsalt": "nc_hf",  # the same figure gives the same file
}


_DARK_STYLE: dict[str, Any] = {
    "figure.facecolor": DARK.paper,
    "axes.facecolor": DARK.paper,
    "text.color": DARK.ink,
    "axes.labelcolor": DARK.ink,
    "axes.titlecolor": DARK.ink,
    "axes.edgecolor": DARK.shade,
    "xtick.color": DARK.shade,
    "ytick.color": DARK.shade,
    "xtick.labelcolor": DARK.ink,
    "ytick.labelcolor": DARK.ink,
    "grid.color": DARK.grid,
}

_ROOM = 0.12  # of the axis, for the number at a tick

_DIRECTIONS = {"down": "lower = more collapsed", "up": "higher = more collapsed"}

_OUTCOMES = {
    "val_loss": "validation loss (nats per token)",
    "trained_epochs": "epochs trained",
    "weight_decay": "weight decay",
    "width": "width D",
    "depth": "depth (layers)",
}


def styled(draw: Callable[..., Figure]) -> Callable[..., Figure]:
    """Draw a figure in this style, on dark paper where it is called with ``dark=True``.

    The style of the caller's own figures is not touched.
    """

    @wraps(draw)
    def drawn(*args: Any, **kwargs: Any) -> Figure:
        with matplotlib.rc_context(STYLE | (_DARK_STYLE if kwargs.get("dark") else {})):
            return draw(*args, **kwargs)

    return drawn


def save_figure(figure: Figure, folder: str | Path, name: str) -> list[Path]:
    """Write a figure as PNG and as SVG.

    Args:
        figure: What to write.
        folder: Where; made if it is missing.
        name: File name without its ending.

    Returns:
        The two paths.
    """
    Path(folder).mkdir(parents=True, exist_ok=True)
    png, svg = (Path(folder) / f"{name}.{ending}" for ending in ("png", "svg"))
    with matplotlib.rc_context(STYLE):
        figure.savefig(png, dpi=160)
        figure.savefig(svg, metadata={"Date": None})
    return [png, svg]


def label(name: str, *, relative: bool = False) -> str:
    """Say what an axis shows: a setting with its unit, or a metric by name with the direction of collapse."""
    if name in METRICS:
        direction = _DIRECTIONS.get(METRICS[name].direction)
        shown = f"{name}, relative" if relative else name
        return f"{shown}\n({direction})" if direction else shown
    return _OUTCOMES.get(name, name)


def family(name: str) -> str:
    """Name the property that a metric measures."""
    if name not in METRICS:
        return label(name)
    measured = FAMILIES[METRICS[name].family]
    return f"{measured.name}  {measured.axis}"


def log_axis(axes: Axes, which: str) -> None:
    """Make one axis logarithmic with plain numbers for ticks, at 1, 2, 5 where there is room."""
    axis = getattr(axes, f"{which}axis")
    getattr(axes, f"set_{which}scale")("log")
    low, high = sorted(getattr(axes, f"get_{which}lim")())
    decades = np.log10(high / low)
    subs = (1, 1.5, 2, 3, 5, 7) if decades < 1 else (1, 2, 5) if decades < 2 else (1, 3) if decades < 3 else (1,)
    axis.set_major_locator(LogLocator(subs=subs, numticks=12))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_locator(NullLocator())


def hide_rest(figure: Figure, used: int) -> None:
    """Leave the panels of the grid beyond those that are used empty."""
    for axes in figure.axes[used:]:
        axes.set_visible(False)


def level_ticks(axes: Axes, levels: NDArray[np.float64]) -> None:
    """Put the ticks of an x axis at the settings themselves; one too close to the next goes without its number."""
    places = np.log(levels) if levels[0] > 0 else levels  # initialisation is at 0, where there is no log
    axes.set_xscale("log" if levels[0] > 0 else "linear")
    axes.xaxis.set_minor_locator(NullLocator())
    crowded = np.diff(places, append=np.inf) < _ROOM * (places[-1] - places[0])
    axes.set_xticks(levels, ["" if close else _level(level) for level, close in zip(levels, crowded, strict=True)])


def _level(level: float) -> str:
    """Write a setting at its tick: whole numbers as they are, others with three digits, for which there is room."""
    return f"{level:g}" if level == round(level) else f"{level:.3g}"
