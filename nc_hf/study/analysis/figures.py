"""The figures of a study but the main one: trends along one setting, seeds, and a run in progress."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from nc_hf.errors import StudyError
from nc_hf.metrics import METRICS
from nc_hf.report.figures.style import (
    ACCENT,
    INK,
    SHADE,
    hide_rest,
    label,
    level_ticks,
    log_axis,
    spans_decades,
    styled,
    wants_log,
)
from nc_hf.study.analysis.against_loss import loss_figure, panel_metrics
from nc_hf.study.analysis.analyze import Analysis
from nc_hf.study.analysis.published import TABLE_1
from nc_hf.study.analysis.results import metric_columns, with_presets
from nc_hf.study.analysis.trends import comparable_groups, rank_sign


@styled
def trend_figure(
    frame: pd.DataFrame,
    metrics: Sequence[str] | None = None,
    axes_names: Sequence[str] = ("width", "depth", "trained_epochs"),
) -> Figure:
    """Draw each metric along each setting, the others fixed, relative to its value at the smallest setting.

    Args:
        frame: A results table.
        metrics: Names of metrics; None for NC1, GNC2, UNC3 and NC4.
        axes_names: The settings.

    Returns:
        A figure with a row per metric and a column per setting: a thin line per group, and the median over groups with
        the middle half of them shaded.

    Raises:
        StudyError: If the table lacks the metrics, or no two rows differ in one setting alone.
    """
    names = metric_columns(frame, metrics) if metrics else panel_metrics(frame)
    swept = [axis for axis in axes_names if list(comparable_groups(frame, axis, "val_loss"))]
    if not swept:
        raise StudyError("no two rows of the results differ in one setting alone: run a grid to see a trend.")
    figure = Figure(figsize=(0.8 + 3.1 * len(swept), 0.5 + 2.5 * len(names)), layout="constrained")
    panels = figure.subplots(len(names), len(swept), sharex="col", sharey="row", squeeze=False)
    for row, name in zip(panels, names, strict=True):
        curves = {axis: list(comparable_groups(frame, axis, name)) for axis in swept}
        for axes, axis in zip(row, swept, strict=True):
            draw_trend(axes, curves[axis])
        values = [value for axis in swept for curve in curves[axis] for value in curve / curve.iloc[0]]
        if spans_decades(values):
            log_axis(row[0], "y")
        row[0].set_ylabel(label(name, relative=True))
    for axes, axis in zip(panels[-1], swept, strict=True):
        axes.set_xlabel(label(axis))
    handles = [
        Line2D([], [], color=INK, lw=2.2, marker="o", ms=5, label="median"),
        Patch(color=ACCENT, alpha=0.25, lw=0, label="middle half"),
        Line2D([], [], color=SHADE, lw=0.8, label="one group, other settings fixed"),
        Line2D([], [], color=INK, lw=0.8, ls=":", label="value at the smallest setting"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=4)
    return figure


def draw_trend(axes: Axes, curves: Sequence[pd.Series[float]]) -> None:
    """Draw curves relative to their first points, their median, and how many of them rise or fall."""
    if not curves:
        axes.set_title("no two rows compare")
        return
    relative = pd.DataFrame([curve / curve.iloc[0] for curve in curves]).sort_index(axis=1)
    levels = relative.columns.to_numpy(np.float64)
    axes.axhline(1, color=INK, lw=0.8, ls=":")
    for _, curve in relative.iterrows():
        known = curve.dropna()
        axes.plot(known.index, known, color=SHADE, lw=0.7, alpha=0.45)
    axes.fill_between(levels, relative.quantile(0.25), relative.quantile(0.75), color=ACCENT, alpha=0.25, lw=0)
    axes.plot(levels, relative.median(), color=INK, lw=2.2, marker="o", ms=5)
    level_ticks(axes, levels)
    signs = np.array([rank_sign(curve) for curve in curves])
    rising, falling = int((signs > 0).sum()), int((signs < 0).sum())
    ways = [f"{way} in {count}" for way, count in (("rises", rising), ("falls", falling)) if count]
    axes.set_title(f"{', '.join(ways) or 'flat in all'} of {len(curves)}", fontsize=10)


@styled
def seed_figure(cell: pd.DataFrame, test: pd.DataFrame) -> Figure:
    """Draw what the seeds of one cell say: metrics against loss, and which tests survive Holm.

    Args:
        cell: Rows of one cell, one per seed.
        test: What ``seed_test`` returned for it; as many metrics as Table 1 has are drawn, its own first.

    Returns:
        A panel per metric with R^2 and the permutation p, and a last one with every p, plain and after Holm.
    """
    names = [name for name in TABLE_1 if name in test.index]
    names = (names + [name for name in test.index if name not in names])[: len(TABLE_1)]
    rows, taken = len(names) // 3 + 1, len(names) % 3
    figure = Figure(figsize=(9.6, 0.4 + 2.9 * rows), layout="constrained")
    # Rows are laid out one by one, or the long names in the last would push the panels above them apart.
    strips = [strip.add_gridspec(1, 3) for strip in figure.subfigures(rows, 1, squeeze=False).flat]
    for place, name in enumerate(names):
        strip = strips[place // 3]
        axes = strip.figure.add_subplot(strip[place % 3])
        axes.scatter(cell["val_loss"], cell[name], s=34, c=ACCENT, ec="white", lw=0.5)
        r2, p = test.loc[name, ["r2", "p"]].astype(float)
        axes.set_title(f"$R^2$ = {r2:.3f}   p = {p:.2g}", fontsize=10)
        axes.set_ylabel(label(name), fontsize=9)
        axes.set_xlabel("validation loss (nats/token)", fontsize=9)
        axes.locator_params(nbins=4)
    draw_tests(strips[-1].figure.add_subplot(strips[-1][taken:]), test.loc[names])
    return figure


def draw_tests(axes: Axes, test: pd.DataFrame) -> None:
    """Draw the p of every test before and after Holm, with the line at .05."""
    places = np.arange(len(test))[::-1]
    axes.hlines(places, test["p"], test["p_holm"], color=SHADE, lw=1)
    axes.scatter(test["p"], places, s=34, c="white", ec=INK, label="p", zorder=2)
    axes.scatter(test["p_holm"], places, s=34, c=INK, marker="s", label="after Holm", zorder=2)
    axes.axvline(0.05, color=INK, lw=1, ls="--")
    log_axis(axes, "x")
    axes.set_yticks(places, [str(name) for name in test.index], fontsize=9)
    axes.set_xlabel("permutation p (dashed: .05)", fontsize=9)
    axes.set_title(f"{int(test['n'].max())} seeds, {len(test)} tests", fontsize=10)
    axes.legend(loc="lower right", bbox_to_anchor=(1, 0.98), ncols=2, borderpad=0, handletextpad=0.1)


@styled
def training_figure(log_history: Sequence[Mapping[str, Any]], metrics: Sequence[str] | None = None) -> Figure:
    """Draw a run in progress from what its Trainer logged: evaluation loss, then metrics.

    Args:
        log_history: ``trainer.state.log_history``: one dict per log, with ``step``, and after each evaluation
            ``eval_loss`` and ``eval_`` + the name of a metric.
        metrics: Names of metrics without ``eval_``, and presets; None for all that were logged.

    Returns:
        A panel for the loss and one for each metric, against the step.

    Raises:
        StudyError: If no evaluation was logged, or none with the metrics asked for.
    """
    log = pd.DataFrame([entry for entry in log_history if any(key.startswith("eval_") for key in entry)])
    if "step" not in log or "eval_loss" not in log:
        raise StudyError("the log holds no evaluation: train with eval_strategy='steps' and the callback attached.")
    logged = [name for name in METRICS if f"eval_{name}" in log]
    names = with_presets(metrics, logged) if metrics else logged
    missing = [name for name in names if f"eval_{name}" not in log]
    if missing or not names:
        raise StudyError(f"the log holds no {', '.join(missing) or 'metric'}: attach NeuralCollapseCallback.")
    log = log.groupby("step", as_index=False).last().astype({f"eval_{name}": np.float64 for name in ("loss", *names)})
    columns = ["loss", *names]
    rows = -(-len(columns) // 3)
    figure = Figure(figsize=(11.4, 0.3 + 2.6 * rows), layout="constrained")
    for axes, name in zip(figure.subplots(rows, 3, sharex=True, squeeze=False).flat, columns, strict=False):
        known = log[["step", f"eval_{name}"]].dropna()
        axes.plot(known["step"], known[f"eval_{name}"], color=ACCENT if name != "loss" else INK, marker="o", ms=4)
        axes.set_ylabel("evaluation loss\n(nats per token)" if name == "loss" else label(name))
        if wants_log(name, known[f"eval_{name}"], 10.0):
            log_axis(axes, "y")
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.xaxis.set_tick_params(labelbottom=True)
    hide_rest(figure, len(columns))
    for axes in figure.axes[max(0, len(columns) - 3) : len(columns)]:
        axes.set_xlabel("optimiser step")
    return figure


def analysis_figures(analysis: Analysis) -> dict[str, Figure]:
    """Draw what an analysis has: metrics against loss, trends if settings differ, seeds if there are enough."""
    figures = {"loss": loss_figure(analysis.frame, analysis.asked)}
    if len(analysis.trends):
        figures["trends"] = trend_figure(analysis.frame, analysis.asked)
    if analysis.seeds:
        figures["seeds"] = seed_figure(analysis.seeds.cell, analysis.seeds.test)
    return figures
