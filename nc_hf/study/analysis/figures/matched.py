"""Differences at equal loss: one row a contrast, one panel a quantity."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from nc_hf.errors import StudyError
from nc_hf.metrics.table import METRICS
from nc_hf.report.figures.style import ACCENT, INK, SHADE, hide_rest, styled
from nc_hf.study.analysis.figures.against_loss import PREFERRED
from nc_hf.study.analysis.matched import CONSEQUENCES, FEWEST_PAIRS

_ACROSS = 3
_NOTHING = 1e-6  # of the values: the least that a panel spans
_LONGEST = 34  # characters of the name of a contrast


@styled
def matched_figure(pairs: pd.DataFrame, table: pd.DataFrame, metrics: Sequence[str] | None = None) -> Figure:
    """Draw what a level of a setting has more or less than another at equal validation loss.

    Args:
        pairs: What ``matched_pairs`` found.
        table: What ``matched`` made of it.
        metrics: The metrics to draw, beside the consequences; None for one a property.

    Returns:
        A panel per quantity: of each contrast every pair as a small mark, and their mean, with its interval where there
        are pairs enough; a filled mark is a difference below .05 after Holm.

    Raises:
        StudyError: If there is no pair.
    """
    if table.empty:
        raise StudyError("no two runs that differ in one setting passed through the same losses.")
    names = _quantities(table, metrics)
    contrasts = list(dict.fromkeys(table[["setting", "level", "against"]].itertuples(index=False, name=None)))
    across = min(_ACROSS, len(names))
    rows = -(-len(names) // across)
    height = 0.9 + rows * (0.9 + 0.3 * len(contrasts))
    figure = Figure(figsize=(max(6.5, 2.6 + 2.9 * across), height), layout="constrained")
    panels = figure.subplots(rows, across, sharey=True, squeeze=False).flat
    for axes, name in zip(panels, names, strict=False):
        draw_differences(axes, name, pairs[pairs["metric"] == name], table[table["metric"] == name], contrasts)
    hide_rest(figure, len(names))
    figure.legend(handles=_legend(table), loc="outside lower center", ncols=2)
    return figure


def draw_differences(
    axes: Axes, name: str, pairs: pd.DataFrame, table: pd.DataFrame, contrasts: Sequence[tuple[str, str, str]]
) -> None:
    """Draw the differences of one quantity, the first contrast at the top."""
    axes.axvline(0, color=INK, lw=0.9, ls=":")
    for place, contrast in enumerate(contrasts[::-1]):
        own = _of(pairs, contrast)
        axes.scatter(own["one"] - own["base"], np.full(len(own), place), s=12, c=SHADE, alpha=0.6, lw=0, zorder=1.5)
        for _, row in _of(table, contrast).iterrows():
            if np.isfinite(row["difference_low"]):
                axes.hlines(place, row["difference_low"], row["difference_high"], color=ACCENT, lw=2.2, zorder=2)
            fill = ACCENT if row["p_holm"] < 0.05 else "white"
            axes.scatter(row["difference"], place, s=42, marker="D", fc=fill, ec=ACCENT, lw=1.3, zorder=3)
    axes.set_yticks(range(len(contrasts)), [_name(contrast) for contrast in contrasts[::-1]], fontsize=9)
    axes.set_ylim(-0.6, len(contrasts) - 0.4)
    least = _NOTHING * float(np.abs(table["base"]).max() if len(table) else 0)
    low, high = axes.get_xlim()
    if high - low < least:  # rounding is no difference, and not to be blown up to the width of a panel
        axes.set_xlim(-least, least)
    axes.locator_params(axis="x", nbins=4)
    way = {"down": "less = more collapsed", "up": "more = more collapsed"}.get(
        METRICS[name].direction if name in METRICS else "", ""
    )
    axes.set_title("\n".join(filter(None, (name, way))), fontsize=9)


def _quantities(table: pd.DataFrame, metrics: Sequence[str] | None) -> list[str]:
    """Choose what to draw: what was asked for, or of each property the first, and the consequences."""
    found = set(table["metric"])
    chosen: dict[str, str] = {}
    for name in PREFERRED:
        if name in found:
            chosen.setdefault(METRICS[name].family, name)
    wanted = metrics or list(chosen.values()) or sorted(found)
    return [name for name in dict.fromkeys((*wanted, *CONSEQUENCES)) if name in found]


def _of(table: pd.DataFrame, contrast: tuple[str, str, str]) -> pd.DataFrame:
    setting, level, against = contrast
    return table[(table["setting"] == setting) & (table["level"] == level) & (table["against"] == against)]


def _name(contrast: tuple[str, str, str]) -> str:
    """Name a contrast in two short lines."""
    setting, level, against = contrast
    words = f"{level} less {against}"
    half = (_LONGEST - 1) // 2
    words = words if len(words) <= _LONGEST else f"{words[:half]}…{words[-half:]}"
    return f"{setting.replace('_', ' ')}:\n{words}"


def _legend(table: pd.DataFrame) -> list[Line2D]:
    """Say what the marks are, and what is missing."""
    counts = sorted(set(table["pairs"]))
    span = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    handles = [
        Line2D([], [], ls="", marker="o", ms=4, color=SHADE, label=f"one pair of runs ({span} a row)"),
        Line2D([], [], ls="", marker="D", ms=6.5, mfc="white", mec=ACCENT, mew=1.3, label="their mean"),
    ]
    if np.isfinite(table["difference_low"]).any():
        handles.append(Line2D([], [], color=ACCENT, lw=2.2, label="its 95 % interval"))
        handles.append(Line2D([], [], ls="", marker="D", ms=6.5, color=ACCENT, label="below .05 after Holm"))
    if not np.isfinite(table["difference_low"]).all():
        handles.append(Line2D([], [], ls="", label=f"no interval of fewer than {FEWEST_PAIRS} pairs"))
    return handles
