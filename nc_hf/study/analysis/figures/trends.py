"""Each metric along each setting, the others fixed: numbers in their order, words side by side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from nc_hf.errors import StudyError
from nc_hf.report.figures.style import (
    ACCENT,
    INK,
    SHADE,
    label,
    level_ticks,
    log_axis,
    spans_decades,
    styled,
)
from nc_hf.study.analysis.columns import REPEATS, labels, numbers_of, settings_of
from nc_hf.study.analysis.figures.against_loss import panel_metrics
from nc_hf.study.analysis.figures.encoding import ordered_levels
from nc_hf.study.analysis.matched import TOGETHER, levels_of
from nc_hf.study.analysis.results import metric_columns
from nc_hf.study.analysis.trends import axes_of, comparable_groups, rank_sign

Curves = list["pd.Series[float]"]
_LONG = 7  # characters of a level from which on names are turned
_WIDE = 3.1  # inches of a panel


@styled
def trend_figure(
    frame: pd.DataFrame, metrics: Sequence[str] | None = None, axes_names: Sequence[str] | None = None
) -> Figure:
    """Draw each metric along each setting, the others fixed, relative to its value at the first level.

    A metric that is not positive throughout is drawn as a difference from that value.

    Args:
        frame: A results table.
        metrics: Names of metrics and presets; None for one a property.
        axes_names: The settings; None for all in which two rows differ alone.

    Returns:
        A figure with a row per metric and a column per setting: a thin line per group, and the median over groups with
        the middle half of them shaded.

    Raises:
        StudyError: If the table lacks the metrics, or no two rows differ in one setting alone.
    """
    names = metric_columns(frame, metrics) if metrics else panel_metrics(frame)
    frame = with_weights(frame)
    candidates = swept_axes(frame) if axes_names is None else list(axes_names)
    places = {axis: along(frame, axis) for axis in candidates}
    swept = [axis for axis in candidates if list(comparable_groups(places[axis][0], axis, "val_loss"))]
    if not swept:
        raise StudyError("no two rows of the results differ in one setting alone: run a grid to see a trend.")
    figure = Figure(figsize=(0.8 + _WIDE * max(2, len(swept)), 0.7 + 2.5 * len(names)), layout="constrained")
    panels = figure.subplots(len(names), len(swept), sharex="col", sharey="row", squeeze=False)
    for row, name in zip(panels, names, strict=True):
        curves = {axis: _finite(comparable_groups(places[axis][0], axis, name)) for axis in swept}
        ratio = all((curve > 0).all() for found in curves.values() for curve in found)
        moved = {axis: [from_first(curve, ratio=ratio) for curve in found] for axis, found in curves.items()}
        for axes, axis in zip(row, swept, strict=True):
            draw_trend(axes, moved[axis], places[axis][1], ratio=ratio)
        if ratio and spans_decades(value for found in moved.values() for curve in found for value in curve):
            log_axis(row[0], "y")
        shown = label(name, relative=True) if ratio else label(name).replace("\n", ", difference\n", 1)
        row[0].set_ylabel(shown, fontsize=9)
    for axes, axis in zip(panels[-1], swept, strict=True):
        axes.set_xlabel(label(axis).replace("_", " "))
    handles = [
        Line2D([], [], color=INK, lw=2.2, marker="o", ms=5, label="median"),
        Patch(color=ACCENT, alpha=0.25, lw=0, label="middle half"),
        Line2D([], [], color=SHADE, lw=0.8, label="one group, other settings fixed"),
        Line2D([], [], color=INK, lw=0.8, ls=":", label="value at the first level"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=min(4, 2 * max(1, len(swept) - 1)))
    return figure


def has_trends(frame: pd.DataFrame) -> bool:
    """Tell whether two rows of a table differ in one setting alone."""
    whole = with_weights(frame)
    return any(list(comparable_groups(along(whole, axis)[0], axis, "val_loss")) for axis in swept_axes(whole))


def swept_axes(frame: pd.DataFrame) -> list[str]:
    """List the settings to move along: numbers, as trends are looked for, then words that take several values."""
    words = [name for name in settings_of(frame) if name not in REPEATS and numbers_of(frame[name]) is None]
    numbers = [name for name in axes_of(frame) if name != "epochs"]  # what was done of them is looked at already
    return [*numbers, *(name for name in words if len(set(labels(frame[name]))) > 1)]


def with_weights(frame: pd.DataFrame) -> pd.DataFrame:
    """Put the weight of an added loss into its name: the two are one setting, and none goes with weight 0 alone."""
    if not all(name in frame and len(set(labels(frame[name]))) > 1 for name in TOGETHER):
        return frame
    loss, weight = TOGETHER
    return frame.assign(**{loss: levels_of(frame, TOGETHER)}).drop(columns=weight)


def along(frame: pd.DataFrame, axis: str) -> tuple[pd.DataFrame, list[str]]:
    """Return the table with a setting as numbers, and the names of its levels where it has words: none first."""
    if numbers_of(frame[axis]) is not None:
        return frame, []
    levels = ordered_levels(frame[axis])
    numbers = [float(levels.index(level or "-")) for level in labels(frame[axis])]
    return frame.assign(**{axis: numbers}), levels


def _finite(curves: Iterable[pd.Series[float]]) -> Curves:
    """Keep of each curve what is finite, and the curves that still have two points."""
    kept = (curve[np.isfinite(curve.to_numpy())] for curve in curves)
    return [curve for curve in kept if len(curve) > 1]


def from_first(curve: pd.Series[float], *, ratio: bool) -> pd.Series[float]:
    """Set a curve beside its first value, by ratio or by difference."""
    return curve / curve.iloc[0] if ratio else curve - curve.iloc[0]


def draw_trend(axes: Axes, moved: Sequence[pd.Series[float]], words: Sequence[str], *, ratio: bool) -> None:
    """Draw curves from their first points, their median, and how many of them rise or fall, or which level is highest.

    Args:
        axes: The panel.
        moved: The curves, beside their first values.
        words: Names of the levels where they are words.
        ratio: Whether they are ratios.
    """
    if not moved:
        axes.set_title("no two rows compare")
        return
    table = pd.DataFrame(list(moved)).sort_index(axis=1)
    levels = table.columns.to_numpy(np.float64)
    axes.axhline(1 if ratio else 0, color=INK, lw=0.8, ls=":")
    for _, curve in table.iterrows():
        known = curve.dropna()
        axes.plot(known.index, known, color=SHADE, lw=0.7, alpha=0.45)
    low, high = table.quantile(0.25), table.quantile(0.75)
    if words:
        axes.vlines(levels, low, high, color=ACCENT, alpha=0.25, lw=9)
        axes.plot(levels, table.median(), color=INK, ls="", marker="o", ms=6)
        axes.set_xlim(-0.4, len(words) - 0.6)
        turned = max(map(len, words)) > _LONG or len(words) > 4
        axes.set_xticks(range(len(words)), [name if len(name) < 25 else f"{name[:11]}…{name[-11:]}" for name in words])
        if turned:
            axes.tick_params(axis="x", labelrotation=30, labelsize=8)
            for text in axes.get_xticklabels():
                text.set(ha="right", rotation_mode="anchor")
    else:
        axes.fill_between(levels, low, high, color=ACCENT, alpha=0.25, lw=0)
        axes.plot(levels, table.median(), color=INK, lw=2.2, marker="o", ms=5)
        level_ticks(axes, levels)
    axes.set_title(_highest(moved, words) if words else _ways(moved), fontsize=10)


def _ways(curves: Sequence[pd.Series[float]]) -> str:
    """Count the curves that rise and that fall."""
    signs = np.array([rank_sign(curve) for curve in curves])
    rising, falling = int((signs > 0).sum()), int((signs < 0).sum())
    ways = [f"{way} in {count}" for way, count in (("rises", rising), ("falls", falling)) if count]
    return f"{', '.join(ways) or 'flat in all'} of {len(curves)}"


def _highest(curves: Sequence[pd.Series[float]], words: Sequence[str]) -> str:
    """Count the curves that are highest at the level where most are."""
    tops = [words[int(curve.index[int(curve.to_numpy().argmax())])] for curve in curves if curve.nunique() > 1]
    if not tops:
        return f"flat in all of {len(curves)}"
    name = max(words, key=tops.count)
    shown = name if len(name) < 25 else f"{name[:11]}…{name[-11:]}"
    return f"highest: {shown}\nin {tops.count(name)} of {len(curves)}"
