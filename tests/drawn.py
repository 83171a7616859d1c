"""What tests of figures share: a trajectory to draw, and what was drawn."""

from __future__ import annotations

import math
from dataclasses import replace

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nc_hf.report import MetricValue, Report
from nc_hf.report.figures import agreement_figure, cosine_figure, norms_figure, variability_figure
from nc_hf.report.trajectory import Trajectory, TrajectoryPoint

OF_TOKENS = (variability_figure, agreement_figure, norms_figure, cosine_figure)


def trajectory(report: Report, revisions: list[str]) -> Trajectory:
    """States whose CDNV is 1, 1/2, 1/3, ... and whose loss is 3, 2, 1.67, ..."""
    points = []
    for place, revision in enumerate(revisions):
        metrics = {**report.metrics, "nc1_cdnv": MetricValue(1 / (place + 1), 0.01)}
        points.append(TrajectoryPoint(revision, "c", replace(report, metrics=metrics, loss=1 + 2 / (place + 1))))
    return Trajectory("owner/model", points)


def panel(figure: Figure, label: str, axis: str = "y") -> Axes:
    """The panel whose axis begins with this label."""
    (axes,) = [a for a in figure.axes if a.get_visible() and getattr(a, f"get_{axis}label")().startswith(label)]
    return axes


def levels(axes: Axes) -> list[tuple[float, float]]:
    """Middle (in counts) and height of every level that is drawn."""
    lines = [line for line in axes.lines if line.get_linewidth() > 2]
    return [(math.sqrt(math.prod(line.get_xdata())), line.get_ydata()[0]) for line in lines]


def words(figure: Figure) -> str:
    return " ".join(text.get_text() for text in figure.findobj(matplotlib.text.Text))
