"""Metrics against validation loss, one point a model: the study's main figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

from nc_hf.errors import StudyError
from nc_hf.metrics.table import METRICS
from nc_hf.report.figures.style import INK, MARKERS, SIZES, family, hide_rest, label, log_axis, styled, wants_log
from nc_hf.study.analysis.correlation import correlations
from nc_hf.study.analysis.results import metric_columns, trained

PREFERRED = (
    "nc1_cdnv_paper", "nc1_cdnv", "nc1_trace_ratio",
    "gnc2_log_std", "gnc2_log_std_ratio", "gnc2_log_cov_paper",
    "unc3_cos_cov_paper", "unc3_cos_std",
    "nc4_agreement",
)  # fmt: skip
"""What the panels show: of each property the first that a table has."""

_FEWEST = 3  # points that make a panel


def panel_metrics(frame: pd.DataFrame) -> list[str]:
    """Choose the metrics of the panels, one a property; a property with fewer than three values has none.

    Raises:
        StudyError: If it lacks all of them.
    """
    chosen: dict[str, str] = {}
    for name in PREFERRED:
        if name in frame and frame[name].count() >= _FEWEST:
            chosen.setdefault(METRICS[name].family, name)
    if not chosen:
        *others, last = dict.fromkeys(METRICS[name].family for name in PREFERRED)
        raise StudyError(
            f"the results hold none of {', '.join(others)} and {last}: measure with the preset core or full."
        )
    return list(chosen.values())


@styled
def loss_figure(frame: pd.DataFrame, metrics: Sequence[str] | None = None) -> Figure:
    """Draw metrics against validation loss, one point a model: colour its size, shape its depth.

    Models at initialisation are left out: far off the others, they would alone decide the fit and the axes.

    Args:
        frame: A results table. ``parameters`` gives the size; without it, 12 x depth x width^2, the blocks.
        metrics: Names of metrics; None for NC1, GNC2, UNC3 and NC4.

    Returns:
        A figure of one panel per metric, each with its line of least squares and its R^2 with a 95 % interval.

    Raises:
        StudyError: If the table lacks the metrics, or has fewer than three rows.
    """
    names = metric_columns(frame, metrics) if metrics else panel_metrics(frame)
    shown = trained(frame)
    left_out = 0 < len(shown) < len(frame)
    frame = frame if shown.empty else shown
    size = pd.to_numeric(frame.get("parameters", pd.Series(index=frame.index)), errors="coerce")
    counted = bool((size > 0).all() and np.isfinite(size).all())
    size = size if counted else 12 * frame["depth"] * frame["width"] ** 2
    norm = LogNorm(size.min(), max(size.max(), size.min() * 1.01))
    rows = -(-len(names) // 2)
    figure = Figure(figsize=(9.2, 0.7 + 3.4 * rows), layout="constrained")
    panels = figure.subplots(rows, 2, sharex=True, squeeze=False).flat
    depths = sorted(frame["depth"].unique())
    shapes = dict(zip(depths, MARKERS * len(depths), strict=False))
    colours = size.map(lambda count: SIZES(norm(count)))
    for axes, name in zip(panels, names, strict=False):
        draw_models(axes, frame, name, colours, shapes)
        logs = wants_log(name, frame[name].dropna(), 30.0)
        describe_fit(axes, frame, name, logs=logs)
        if logs:
            log_axis(axes, "y")
        axes.set_ylabel(label(name))
        axes.xaxis.set_tick_params(labelbottom=True)
    hide_rest(figure, len(names))
    for axes in figure.axes[max(0, len(names) - 2) : len(names)]:
        axes.set_xlabel(label("val_loss"))
    meaning = "parameters" if counted else "parameters of the blocks (12 x depth x width²)"
    bar = figure.colorbar(ScalarMappable(norm, SIZES), ax=figure.axes, label=meaning, aspect=40, pad=0.02)
    bar.ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    bar.ax.yaxis.set_major_formatter(EngFormatter(sep=""))
    bar.ax.yaxis.set_minor_formatter(NullFormatter())
    legend = [Line2D([], [], marker=shape, color=INK, ls="", label=f"{depth:g}") for depth, shape in shapes.items()]
    title = "layers (models at initialisation are not shown)" if left_out else "layers"
    figure.legend(handles=legend, title=title, loc="outside lower center", ncols=len(legend))
    return figure


def draw_models(
    axes: Axes, frame: pd.DataFrame, name: str, colours: pd.Series[Any], shapes: Mapping[float, str]
) -> None:
    """Draw one point a row, in the colour of its size and the shape of its depth."""
    for depth, shape in shapes.items():
        at = frame[frame["depth"] == depth]
        paint: dict[str, Any] = {"ec": "white", "fc": list(colours[at.index]), "lw": 0.5}
        axes.scatter(at["val_loss"], at[name], s=34, marker=shape, alpha=0.9, **paint)


def describe_fit(axes: Axes, frame: pd.DataFrame, name: str, *, logs: bool) -> None:
    """Draw the line of least squares on the scale of the panel, and put its R^2 in the title."""
    known = frame[["val_loss", name]].dropna().astype(np.float64)
    if len(known) < _FEWEST:
        axes.set_title(f"{family(name)}\nfewer than three trained models")
        return
    row = correlations(frame, [name]).loc[name]
    key = "r2_log" if logs else "r2"
    interval = f"  [{row[f'{key}_low']:.2f}, {row[f'{key}_high']:.2f}]" if np.isfinite(row[f"{key}_low"]) else ""
    axes.set_title(f"{family(name)}\n$R^2$ = {row[key]:.2f}{interval}{' on the log' if logs else ''}")
    values = np.log(known[name]) if logs else known[name]
    slope, start = np.polyfit(known["val_loss"], values, 1)
    ends = np.array([known["val_loss"].min(), known["val_loss"].max()])
    line = start + slope * ends
    axes.plot(ends, np.exp(line) if logs else line, color=INK, lw=1.2, ls=(0, (5, 3)), zorder=1)
