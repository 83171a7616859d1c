"""How far each model was trained: fuller and larger marks for longer training, and thin lines between states."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from nc_hf.report.figures.style import INK, SHADE
from nc_hf.study.analysis.figures.encoding import Encoding, runs_of
from nc_hf.study.analysis.figures.legends import Section, mark

LARGEST, SMALLEST = 34.0, 14.0
"""Areas of the marks of the longest and of the shortest training, in square points."""
_LISTED = 4
_LINE: dict[str, Any] = {"color": SHADE, "lw": 0.8, "alpha": 0.55, "zorder": 0.9}


def areas(epochs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the area of each row's mark, by the rank of its training length."""
    levels, place = np.unique(epochs, return_inverse=True)
    share = place / max(len(levels) - 1, 1) if len(levels) > 1 else np.ones(len(epochs))
    return np.asarray(SMALLEST + (LARGEST - SMALLEST) * share)


def draw_marks(axes: Axes, frame: pd.DataFrame, name: str, encoding: Encoding, rows: NDArray[np.int64]) -> None:
    """Draw one mark a row: filled where it was trained longest of all, hollow and smaller where less.

    Args:
        axes: The panel.
        frame: The whole table.
        name: What is drawn against the loss.
        encoding: Of the whole table.
        rows: Places of the rows of this panel.
    """
    epochs = frame["trained_epochs"].to_numpy(np.float64)
    area, longest = areas(epochs), epochs.max()
    groups: dict[tuple[str, bool], list[int]] = {}
    for row in rows:
        groups.setdefault((encoding.marker(row), bool(epochs[row] == longest)), []).append(int(row))
    for (shape, filled), places in groups.items():
        at, colours = frame.iloc[places], encoding.colours[places]
        paint: dict[str, Any] = (
            {"fc": colours, "ec": "white", "lw": 0.5} if filled else {"fc": "white", "ec": colours, "lw": 1.1}
        )
        axes.scatter(at["val_loss"], at[name], s=area[places], marker=shape, zorder=2 + filled, **paint)


def draw_lines(axes: Axes, frame: pd.DataFrame, name: str) -> None:
    """Join the states of each run, and with dots the last states of runs that differ in their length alone."""
    known = frame[np.isfinite(frame[["val_loss", name]].to_numpy(np.float64)).all(axis=1)]
    known = known.sort_values("trained_epochs", kind="stable")
    last = []
    for _, states in known.groupby(runs_of(known)):
        if len(states) > 1:
            axes.plot(states["val_loss"], states[name], **_LINE)
        last.append(states.index[-1])
    ends = known.loc[last].sort_values("trained_epochs", kind="stable")
    for _, runs in ends.groupby(runs_of(ends, but=("epochs",))):
        if len(runs) > 1:
            axes.plot(runs["val_loss"], runs[name], ls=(0, (1, 1.5)), **_LINE)


def training_section(frame: pd.DataFrame) -> list[Section]:
    """List the training lengths and what joins them; nothing where there is one."""
    levels = np.unique(frame["trained_epochs"].to_numpy(np.float64))
    if len(levels) < 2:
        return []
    area = areas(levels)
    places = range(len(levels)) if len(levels) <= _LISTED else (0, len(levels) - 2, len(levels) - 1)
    entries: list[tuple[str, Any]] = []
    for place in places:
        full = place == len(levels) - 1
        words = f"{levels[place]:.3g}"
        if len(levels) > _LISTED and place == len(levels) - 2:
            words = f"… {words} ({len(levels)} in all)"
        entries.append(
            (words, mark("o", INK if full else "white", edge="white" if full else INK, size=area[place] ** 0.5))
        )
    joined = [frame.groupby(runs_of(frame, but)).size().max() for but in ((), ("epochs",))]
    if joined[0] > 1:
        entries.append(("states of one run", Line2D([], [], color=SHADE, lw=1.0)))
    if joined[1] > joined[0]:
        entries.append(("the same, trained longer", Line2D([], [], color=SHADE, lw=1.0, ls=(0, (1, 1.5)))))
    return [("epochs trained", entries)]
