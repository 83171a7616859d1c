"""What tests of figures share: a trajectory to draw, and what was drawn."""

from __future__ import annotations

import math
from dataclasses import replace

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
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


def panels(figure: Figure) -> list[Axes]:
    """The panels that are shown, a bar of colours among them."""
    return [axes for axes in figure.axes if axes.get_visible()]


def titles(figure: Figure) -> list[str]:
    """The titles of the panels."""
    return [axes.get_title(loc="left") for axes in panels(figure)]


def misplaced(figure: Figure) -> list[str]:
    """What a reader would trip over: words cut off at the edge, and panels or legends that cover one another."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    page = figure.bbox.padded(1.5)
    boxes = {f"panel {place}": axes.get_tightbbox(renderer) for place, axes in enumerate(panels(figure))}
    boxes |= {f"legend {place}": each.get_window_extent(renderer) for place, each in enumerate(figure.legends)}
    boxes |= {text.get_text(): text.get_window_extent(renderer) for text in figure.texts}
    found = [
        f"{name} is cut off"
        for name, box in boxes.items()
        if box.x0 < page.x0 or box.x1 > page.x1 or box.y0 < page.y0 or box.y1 > page.y1
    ]
    names = list(boxes)
    found += [
        f"{one} covers {other}"
        for place, one in enumerate(names)
        for other in names[:place]
        if boxes[one].padded(-1).overlaps(boxes[other].padded(-1))
    ]
    return found
