"""Several reports side by side: a dot with its error for each, metric by metric."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from nc_hf.report.comparison import compare
from nc_hf.report.figures.parts import heading, palette, plain
from nc_hf.report.figures.style import MARKERS, Palette, label, log_axis, styled, wants_log
from nc_hf.report.names import shortened
from nc_hf.report.record import ReportRecord
from nc_hf.report.several import ComparedMetric

_ACROSS = 3


@styled
def comparison_figure(reports: Sequence[ReportRecord], *, dark: bool = False) -> Figure:
    """Draw every metric that two reports or more have, one panel each: a dot and one standard error for each report.

    Raises:
        InputError: fewer than two reports.
    """
    comparison, colours = compare(reports), palette(dark)
    names = [plain(shortened(name, 30)) for name in comparison.names]
    metrics = [m for m in comparison.metrics if sum(value is not None for value in m.values) > 1]
    rows = math.ceil(len(metrics) / _ACROSS)
    figure = Figure(figsize=(10.6, 1.0 + rows * (0.8 + 0.26 * len(names))), layout="constrained")
    panels = figure.subplots(rows, _ACROSS, sharey=True, squeeze=False).flat
    for axes, metric in zip(panels, metrics, strict=False):
        draw_metric(axes, metric, colours)
        axes.set_yticks(range(len(names)), names, fontsize=9)
        axes.set_ylim(len(names) - 0.5, -0.5)
    for axes in figure.axes[len(metrics) :]:
        axes.set_visible(False)
    warning = "not comparable as they are: see nc-hf compare" if comparison.warnings else ""
    marked = any(metric.most_collapsed is not None for metric in metrics)
    filled = "; filled: the most collapsed" if marked else ""
    heading(figure, f"Neural collapse compared, ± one standard error{filled}", warning)
    return figure


def draw_metric(axes: Axes, metric: ComparedMetric, colours: Palette) -> None:
    """Draw one metric of every report; the most collapsed is filled."""
    values = [math.nan if value is None else value.value for value in metric.values]
    errors = [0.0 if value is None or value.stderr is None else value.stderr for value in metric.values]
    places = np.arange(len(values))
    axes.errorbar(values, places, xerr=errors, fmt="none", ecolor=colours.ink, elinewidth=1.2, capsize=3, zorder=2)
    for place, value in enumerate(values):
        foremost = place == metric.most_collapsed
        axes.plot(
            value,
            place,
            MARKERS[place % len(MARKERS)],
            ms=7,
            mfc=colours.accent if foremost else colours.paper,
            mec=colours.accent,
            zorder=3,
        )
    if wants_log(metric.name, values, 10.0):
        log_axis(axes, "x")
    else:
        axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.set_xlabel(label(metric.name), fontsize=9)
    axes.grid(axis="y", visible=True)
