"""The course of training from the rows of a table: metrics against the step, with their spread and errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import EngFormatter, FixedLocator, FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from nc_hf.errors import StudyError
from nc_hf.metrics.table import METRICS
from nc_hf.report.figures.style import ACCENT, SHADE, hide_rest, label, styled
from nc_hf.study.analysis.columns import REPEATS, errors_of
from nc_hf.study.analysis.figures.against_loss import panel_metrics
from nc_hf.study.analysis.figures.encoding import Encoding, Sizes, encode, runs_of
from nc_hf.study.analysis.figures.legends import draw_legend, draw_sizes, encoding_sections, height_of, plain
from nc_hf.study.analysis.figures.scales import choose_scale, set_scale
from nc_hf.study.analysis.results import metric_columns

FEWEST = 3
"""States of a run that make a course."""
_ACROSS = 3
_DECADE = 10.0
Floats = NDArray[np.float64]


def has_course(frame: pd.DataFrame) -> bool:
    """Tell whether some run of a table was saved often enough."""
    return int(pd.Series(runs_of(frame)).value_counts().max()) >= FEWEST


@styled
def course_figure(frame: pd.DataFrame, metrics: Sequence[str] | None = None) -> Figure:
    """Draw validation loss and metrics over the states of each run, the mean over seeds, one colour a setting.

    Args:
        frame: A results table with several states a run; models at initialisation may be among them.
        metrics: Names of metrics and presets; None for one a property.

    Returns:
        A panel for the loss and one for each metric. The band is one standard deviation among seeds, where there are
        several; the bar is one standard error of the mean for the text measured, where the table has errors.

    Raises:
        StudyError: If the table lacks the metrics, or no run has three states.
    """
    names = ["val_loss", *(metric_columns(frame, metrics) if metrics else panel_metrics(frame))]
    frame = frame.reset_index(drop=True)
    if not has_course(frame):
        raise StudyError(f"a course takes {FEWEST} saved states of a run: save more often.")
    encoding = encode(frame, columns=False)
    step = step_column(frame)
    sections, notes = encoding_sections(encoding), []
    lines = [courses(frame, name, step) for name in dict.fromkeys(names)]
    if any(line["spread"].notna().any() for each in lines for line in each.values()):
        sections.append(("among seeds", [("± one std", Patch(color=ACCENT, alpha=0.25, lw=0))]))
    if any((line["error"] > 0).any() for each in lines for line in each.values()):
        sections.append(("of the text measured", [("± one standard error", _bar())]))
    else:
        notes.append("the table has no standard errors")
    notes += [f"not told apart: {', '.join(map(plain, encoding.untold))}"] * bool(encoding.untold)
    rows = -(-len(lines) // _ACROSS)
    height = max(0.4 + 2.7 * rows, 0.4 + height_of(sections, notes))
    figure = Figure(
        figsize=(3.3 * _ACROSS + 2.3 + 0.8 * isinstance(encoding.colour, Sizes), height), layout="constrained"
    )
    panels = figure.subplots(rows, _ACROSS, sharex=True, squeeze=False).flat
    for place, (axes, name) in enumerate(zip(panels, dict.fromkeys(names), strict=False)):
        draw_courses(axes, name, lines[place], encoding)
        step_axis(axes, frame[step].to_numpy(np.float64))
        axes.xaxis.set_tick_params(labelbottom=True)
        if place + _ACROSS >= len(lines):
            axes.set_xlabel("optimizer step" if step == "saved_step" else label(step))
    hide_rest(figure, len(lines))
    if isinstance(encoding.colour, Sizes):
        draw_sizes(figure, encoding.colour)
    draw_legend(figure, sections, notes)
    return figure


def step_column(frame: pd.DataFrame) -> str:
    """Choose what tells the state: steps where every row has them, epochs otherwise."""
    known = "saved_step" in frame and np.isfinite(pd.to_numeric(frame["saved_step"], errors="coerce")).all()
    return "saved_step" if known else "trained_epochs"


def courses(frame: pd.DataFrame, name: str, step: str) -> dict[int, pd.DataFrame]:
    """Average a column over the seeds of each setting, at each state.

    Returns:
        By the place of a row of the setting: a table with ``step``, ``mean``; ``spread``, the standard deviation among
        seeds (NaN of one); ``error``, the standard error of the mean that the rows' own make (0 where they have none).
    """
    errors = errors_of(frame, name)
    values = frame[name].to_numpy(np.float64)
    known = np.isfinite(values)
    rows = pd.DataFrame(
        {
            "setting": runs_of(frame, but=REPEATS),
            "row": np.arange(len(frame)),
            "step": frame[step].to_numpy(np.float64),
            "value": values,
            "variance": 0.0 if errors is None else errors**2,
        }
    )[known]
    found = {}
    for _, of_setting in rows.groupby("setting"):
        states = of_setting.groupby("step")
        count = states.size()
        table = pd.DataFrame(
            {
                "mean": states["value"].mean(),
                "spread": states["value"].std(),
                "error": np.sqrt(states["variance"].sum()) / count,
            }
        )
        found[int(of_setting["row"].iloc[0])] = table.reset_index()
    return found


def draw_courses(axes: Axes, name: str, lines: dict[int, pd.DataFrame], encoding: Encoding) -> None:
    """Draw the lines of one panel, in the colours and marks of their settings."""
    everything: list[float] = []
    lowest = -np.inf if name in METRICS and METRICS[name].signed else 0.0
    for row, line in lines.items():
        colour = encoding.colours[row]
        steps, mean, spread = (line[key].to_numpy(np.float64) for key in ("step", "mean", "spread"))
        low = np.where(mean < 0, mean - spread, np.maximum(mean - spread, lowest))  # no band where nothing can be
        axes.fill_between(steps, low, mean + spread, color=colour, alpha=0.18, lw=0)
        style: dict[str, Any] = {"color": colour, "lw": 1.4, "marker": encoding.marker(row), "ms": 4.0}
        axes.errorbar(steps, mean, yerr=line["error"], elinewidth=0.9, capsize=2.0, **style)
        everything += mean.tolist()
    scale = choose_scale(name, everything, 10.0)
    set_scale(axes, scale, everything)
    axes.set_ylabel("validation loss\n(nats per token)" if name == "val_loss" else label(name), fontsize=9)


def step_axis(axes: Axes, steps: Floats) -> None:
    """Label steps; logarithmic, with room for step 0, where they are spaced so."""
    levels = np.unique(steps[np.isfinite(steps)])
    if log_spaced(levels):
        positive = levels[levels > 0]
        if levels[0] > 0:
            axes.set_xscale("log")
        else:
            axes.set_xscale("symlog", linthresh=float(positive[0]), linscale=0.4)
            first, last = np.ceil(np.log10(positive[0])), np.floor(np.log10(positive[-1]))
            axes.xaxis.set_major_locator(FixedLocator([0.0, *10.0 ** np.arange(first, last + 1)]))
    else:
        axes.xaxis.set_major_locator(MaxNLocator(5))
    small = levels[-1] < 100  # epochs
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}") if small else EngFormatter(sep=""))


def log_spaced(levels: Floats) -> bool:
    """Tell whether ascending steps are nearer to equal ratios than to equal differences, over a decade or more."""
    positive = levels[levels > 0]
    if len(positive) < FEWEST or positive[-1] < _DECADE * positive[0]:
        return False
    ratios, differences = np.diff(np.log(positive)), np.diff(positive)
    return bool(ratios.std() / ratios.mean() < differences.std() / differences.mean())


def _bar() -> Line2D:
    """Make the sample of an error bar."""
    return Line2D([], [], color=SHADE, lw=0, marker="|", ms=10, mew=1.2)
