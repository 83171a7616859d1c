"""Every metric over the saved states of a model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator

from nc_hf.errors import InputError
from nc_hf.metrics.table import METRICS
from nc_hf.report.figures.parts import Floats, heading, palette, plain, subject
from nc_hf.report.figures.style import Palette, family, label, log_axis, styled, wants_log
from nc_hf.report.names import shortened
from nc_hf.report.several import PointRecord, TrajectoryRecord

_ACROSS = 3
_MOST_NAMES = 12


@styled
def trajectory_figure(trajectory: TrajectoryRecord, *, dark: bool = False) -> Figure:
    """Draw the loss and every metric over the saved states, with one standard error shaded.

    The x axis is the step of training where at least two names tell one and each is above the one before; states whose
    names tell none are then left out and named below. Otherwise it is the order of the states, as with the steps of
    several stages of training, each of which begins anew.

    Raises:
        InputError: fewer than two states.
    """
    points, colours = list(trajectory.points), palette(dark)
    if len(points) < 2:
        raise InputError(f"a trajectory takes two saved states or more, not {len(points)}: name more revisions.")
    stepped = [point for point in points if point.step is not None]
    by_step = len(stepped) > 1 and all((a.step or 0) < (b.step or 0) for a, b in pairwise(stepped))
    shown = stepped if by_step else points
    places = np.array([point.step or 0 for point in shown] if by_step else range(len(shown)), dtype=np.float64)
    names = list(dict.fromkeys(name for point in shown for name in point.report.metrics))
    rows = math.ceil((1 + len(names)) / _ACROSS)
    figure = Figure(figsize=(10.2, 0.9 + 2.5 * rows), layout="constrained")
    panels = figure.subplots(rows, _ACROSS, sharex=True, squeeze=False).flat
    for axes, name in zip(panels, ["", *names], strict=False):
        draw_curve(axes, shown, places, name, colours)
    for axes in figure.axes[1 + len(names) :]:
        axes.set_visible(False)
    for axes in figure.axes[max(0, 1 + len(names) - _ACROSS) : 1 + len(names)]:
        axes.xaxis.set_tick_params(labelbottom=True)
        if by_step:
            step_axis(axes, places)
        else:
            name_axis(axes, [point.revision for point in shown])
    left_out = [point.revision for point in points if by_step and point.step is None]
    note = f"not shown, for their names tell no step: {plain(shortened(', '.join(left_out), 90))}" if left_out else ""
    first = points[0].report
    heading(figure, "Collapse over training, ± one standard error", subject(first.model.id, first), note)
    return figure


def draw_curve(axes: Axes, points: Sequence[PointRecord], places: Floats, name: str, colours: Palette) -> None:
    """Draw one metric, or with no name the loss."""
    if name:
        metrics = [point.report.metrics.get(name) for point in points]
        values = np.array([math.nan if metric is None else metric.value for metric in metrics])
        errors = np.array([math.nan if m is None or m.stderr is None else m.stderr for m in metrics])
    else:
        values = np.array([point.report.loss for point in points])
        errors = np.full(len(values), math.nan)
    colour = colours.accent if name else colours.ink
    signed = name in METRICS and METRICS[name].signed
    lowest = -math.inf if signed else np.minimum(values, 0.0)  # what cannot be negative has no band there
    low = np.maximum(values - errors, lowest)
    axes.fill_between(places, low, values + errors, color=colour, alpha=0.25, lw=0)
    axes.plot(places, values, color=colour, lw=1.6, marker="o", ms=3.5)
    axes.set_ylabel(label(name) if name else "loss\n(nats per token)", fontsize=9)
    axes.set_title(family(name).partition("  ")[0] if name else "", fontsize=10)
    if wants_log(name or "loss", values, 20.0):
        log_axis(axes, "y")
    elif np.isfinite(errors).any() and np.isfinite(values).any():
        # One error beyond all others, as heavy tails give, must not flatten the course: it runs out of the frame.
        room = max(np.nanmax(values) - np.nanmin(values), 6 * float(np.nanmedian(errors))) / 2
        if (errors > room).any() and room > 0:
            axes.set_ylim(max(np.nanmin(values) - room, np.nanmin(low) - room / 20), np.nanmax(values) + room)


def step_axis(axes: Axes, steps: Floats) -> None:
    """Label steps of training; logarithmic, with room for step 0, where they are spread over decades."""
    positive = steps[steps > 0]
    if len(positive) > 3 and positive.max() / positive.min() > 50:
        axes.set_xscale("symlog", linthresh=float(positive.min()), linscale=0.4)
    else:
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.set_xlabel("training step")


def name_axis(axes: Axes, revisions: Sequence[str]) -> None:
    """Label saved states by name, every n-th where they are many."""
    every = math.ceil(len(revisions) / _MOST_NAMES)
    places = range(0, len(revisions), every)
    names = [plain(shortened(revisions[place], 24)) for place in places]
    axes.set_xticks(places, names, rotation=45, ha="right", rotation_mode="anchor", fontsize=8)
    axes.set_xlabel("revision")
