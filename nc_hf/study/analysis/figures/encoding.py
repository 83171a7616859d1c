"""What is told by colour, by shape and by columns of panels: it follows from what varies among the rows.

Where sizes differ, colour tells the size and shape the depth. Otherwise the first setting that varies is told by colour
and the second by shape; a setting that is alone is told by both, so that a print in grey tells it too. The next one has
a column of panels for each of its levels, where there are rows enough. What is left is named as not told apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.colors import LogNorm
from numpy.typing import NDArray

from nc_hf.report.figures.style import MARKERS, SIZES
from nc_hf.study.analysis.columns import (
    REPEATS,
    codes,
    decides,
    labels,
    level_names,
    numbers_of,
    settings_of,
)
from nc_hf.study.table import STATE

# Of Okabe and Ito, for the colour-blind, in an order in which neighbours differ in lightness too.
WORDS = ("#0072b2", "#e69f00", "#1b1b1b", "#56b4e9", "#d55e00", "#009e73", "#cc79a7")
_MOST_COLUMNS = 4
_FEWEST_IN_COLUMN = 3
_TRAINING = (*STATE, "epochs")  # told by filled and hollow marks


@dataclass(frozen=True)
class Channel:
    """A setting, and the level that each row has of it.

    Attributes:
        name: the setting.
        levels: names of its levels, in order.
        of_row: (N,) the name of each row's.
    """

    name: str
    levels: tuple[str, ...]
    of_row: NDArray[np.object_]


@dataclass(frozen=True)
class Sizes:
    """A continuous scale of colours for sizes."""

    norm: LogNorm
    meaning: str


@dataclass(frozen=True)
class Encoding:
    """How the rows of a table are told apart.

    Attributes:
        colours: (N, 4) a colour a row.
        colour: the setting that it tells, or the sizes; None where nothing varies.
        palette: the colour of each level of that setting.
        shape: the setting that the shape of a mark tells.
        columns: the setting that has columns of panels.
        untold: settings that vary and are not told.
    """

    colours: NDArray[np.float64]
    colour: Channel | Sizes | None
    palette: tuple[Any, ...]
    shape: Channel | None
    columns: Channel | None
    untold: tuple[str, ...]

    def marker(self, row: int) -> str:
        """Return the mark of a row."""
        return self.marker_of(self.shape.of_row[row]) if self.shape else MARKERS[0]

    def marker_of(self, level: str) -> str:
        """Return the mark of a level of the setting told by shape."""
        return MARKERS[self.shape.levels.index(level)] if self.shape else MARKERS[0]


def told_settings(frame: pd.DataFrame) -> list[str]:
    """List the settings that tell the rows apart: those that vary, but seeds, training, and what others decide.

    Of two that decide each other a word goes before a number, and then the first in the table, width and depth ahead.
    """
    first = [name for name in ("width", "depth") if name in frame]
    named = list(dict.fromkeys((*first, *settings_of(frame))))
    varying = [name for name in named if name not in (*REPEATS, *_TRAINING) and len(set(labels(frame[name]))) > 1]
    order = {name: (numbers_of(frame[name]) is not None, place) for place, name in enumerate(varying)}

    def decided(name: str) -> bool:
        others = [other for other in varying if other != name and decides(frame, [other], [name])]
        return any(not decides(frame, [name], [other]) or order[other] < order[name] for other in others)

    return [name for name in varying if not decided(name)]


def encode(frame: pd.DataFrame, *, columns: bool = True) -> Encoding:
    """Choose what tells the rows of a table apart.

    Args:
        frame: A results table.
        columns: Whether a setting may have columns of panels.
    """
    left = told_settings(frame)
    by_size = [name for name in ("width", "depth") if name in left]
    colour: Channel | Sizes | None = None
    palette: tuple[Any, ...] = ()
    if by_size:
        colours, colour = size_colours(frame)
        left = [name for name in left if name not in by_size]
    else:
        colour = channel(frame, left.pop(0)) if left else None
        palette = palette_of(frame, colour) if colour else (SIZES(0.35),)
        at = [colour.levels.index(level) for level in colour.of_row] if colour else [0] * len(frame)
        colours = np.array([matplotlib.colors.to_rgba(palette[place]) for place in at])
    # Depth before anything else where width differs too; what colour tells already only where nothing else is left.
    first = ["depth"] if len(by_size) == 2 else []
    told = [colour.name] if isinstance(colour, Channel) else by_size[:1]
    fitting = [name for name in (*first, *left, *told) if _levels(frame, name) <= len(MARKERS)]
    shape = fitting[0] if fitting else None
    left += [name for name in first if name != shape]
    left = [name for name in left if name != shape]
    apart = next((name for name in left if columns and _fills_columns(frame, name)), None)
    return Encoding(
        colours=colours,
        colour=colour,
        palette=palette,
        shape=channel(frame, shape) if shape else None,
        columns=channel(frame, apart) if apart else None,
        untold=tuple(name for name in left if name != apart),
    )


def channel(frame: pd.DataFrame, name: str) -> Channel:
    """Name the levels of a setting, and which each row has."""
    of_row = np.array([level or "-" for level in labels(frame[name])], dtype=object)
    return Channel(name, tuple(ordered_levels(frame[name])), of_row)


def ordered_levels(values: pd.Series[float]) -> list[str]:
    """List the levels of a setting: none first, with which the others are compared, numbers before words."""
    return sorted(level_names(values), key=lambda name: name != "none")


def palette_of(frame: pd.DataFrame, told: Channel) -> tuple[Any, ...]:
    """Choose a colour a level: numbers from dark to light, words as far apart as can be."""
    count = len(told.levels)
    if numbers_of(frame[told.name]) is None and count <= len(WORDS):
        return WORDS[:count]
    return tuple(SIZES(place) for place in np.linspace(0, 1, count))


def size_colours(frame: pd.DataFrame) -> tuple[NDArray[np.float64], Sizes]:
    """Colour rows by their parameters, or, where the table does not tell them, by 12 x depth x width^2, the blocks."""
    size = pd.to_numeric(frame.get("parameters", pd.Series(index=frame.index)), errors="coerce")
    counted = bool((size > 0).all() and np.isfinite(size).all())
    size = size if counted else 12 * frame["depth"] * frame["width"] ** 2
    norm = LogNorm(size.min(), max(size.max(), size.min() * 1.01))
    meaning = "parameters" if counted else "parameters of the blocks (12 x depth x width²)"
    return np.asarray(SIZES(norm(size.to_numpy(np.float64)))), Sizes(norm, meaning)


def runs_of(frame: pd.DataFrame, but: Sequence[str] = ()) -> NDArray[np.int64]:
    """Number the run of each row: all settings and seeds, but those named."""
    return codes(frame, [name for name in settings_of(frame) if name not in but])


def _fills_columns(frame: pd.DataFrame, name: str) -> bool:
    """Tell whether a setting has few levels, and all of them rows enough for a panel that is not nearly empty."""
    counts = np.unique(codes(frame, [name]), return_counts=True)[1]
    return len(counts) <= _MOST_COLUMNS and bool(counts.min() >= max(_FEWEST_IN_COLUMN, counts.max() / 3))


def _levels(frame: pd.DataFrame, name: str) -> int:
    return len(set(labels(frame[name])))
