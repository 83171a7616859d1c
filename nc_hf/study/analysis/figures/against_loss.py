"""Metrics against validation loss, one point a saved model: the study's main figure."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from nc_hf.errors import StudyError
from nc_hf.metrics.table import FAMILIES, METRICS
from nc_hf.report.figures.style import INK, family, hide_rest, label, styled
from nc_hf.study.analysis.clusters import Cluster
from nc_hf.study.analysis.correlation import complete, correlations
from nc_hf.study.analysis.figures.at_random import draw_at_random
from nc_hf.study.analysis.figures.encoding import Encoding, Sizes, encode
from nc_hf.study.analysis.figures.legends import draw_legend, draw_sizes, encoding_sections, height_of, plain
from nc_hf.study.analysis.figures.scales import Scale, choose_scale, set_scale
from nc_hf.study.analysis.figures.training_marks import draw_lines, draw_marks, training_section
from nc_hf.study.analysis.results import metric_columns, trained

PREFERRED = (
    "nc1_cdnv_median", "nc1_trace_ratio", "nc1_cdnv", "nc1_cdnv_paper",
    "nc2_cos_std", "nc2_log_norm_std",
    "gnc2_log_std_ratio", "gnc2_log_std", "gnc2_log_cov_paper",
    "nc3_cos_mean_centred", "nc3_cos_mean",
    "unc3_cos_std_centred", "unc3_cos_std", "unc3_cos_cov_paper",
    "nc4_agreement",
)  # fmt: skip
"""What the panels show: of each property the first that a table has, corrected forms before published ones."""

FEWEST = 3
"""Models that make a fit."""
_ACROSS = 2
_PANEL, _COLUMN, _LEGEND = 3.9, 3.1, 2.3  # inches that a panel is wide, one of a setting's columns, and the legend
_CHARACTER = 0.073  # inches, of a title


def panel_metrics(frame: pd.DataFrame) -> list[str]:
    """Choose the metrics of the panels, one a property: the first with values for a fit, or with any, or at all.

    Raises:
        StudyError: If the table has none of them.
    """
    chosen: dict[str, str] = {}
    for fewest in (FEWEST, 1, 0):
        for name in PREFERRED:
            if name in frame and np.isfinite(frame[name].to_numpy(np.float64)).sum() >= fewest:
                chosen.setdefault(METRICS[name].family, name)
    if not chosen:
        *others, last = dict.fromkeys(METRICS[name].family for name in PREFERRED)
        raise StudyError(
            f"the results hold none of {', '.join(others)} and {last}: measure with the preset core or full."
        )
    return [chosen[each] for each in FAMILIES if each in chosen]


@styled
def loss_figure(
    frame: pd.DataFrame,
    metrics: Sequence[str] | None = None,
    *,
    cluster: Cluster = "architecture",
    columns: bool = True,
) -> Figure:
    """Draw metrics against validation loss, one point a saved model, told apart by what varies among them.

    Models at initialisation are left out: far off the others, they would alone decide the fit and the axes. What random
    directions have of a metric is dotted.

    Args:
        frame: A results table.
        metrics: Names of metrics and presets; None for one a property, as ``panel_metrics`` chooses.
        cluster: By what rows go together in the intervals.
        columns: Whether a setting that neither colour nor shape tells gets columns of panels, each with its own fit.

    Returns:
        A figure of one panel per metric (and level of that setting), each with its line of least squares and its R^2
        with a 95 % interval.

    Raises:
        StudyError: If the table lacks the metrics.
    """
    names = metric_columns(frame, metrics) if metrics else panel_metrics(frame)
    shown = trained(frame)
    notes = ["models at initialisation are not shown"] * (0 < len(shown) < len(frame))
    frame = (frame if shown.empty else shown).reset_index(drop=True)
    encoding = encode(frame, columns=columns)
    notes += [f"not told apart: {', '.join(map(plain, encoding.untold))}"] * bool(encoding.untold)
    sections = encoding_sections(encoding) + training_section(frame)
    if len(frame) >= FEWEST:
        sections.append(("fit", [("least squares", Line2D([], [], color=INK, lw=1.2, ls=(0, (5, 3))))]))
    parts = _parts(encoding, len(frame))
    across = len(parts) if encoding.columns else min(_ACROSS, max(1, len(names)))
    rows = len(names) if encoding.columns else -(-len(names) // across)
    height = max(0.5 + 3.2 * rows, 0.4 + height_of(sections, notes))
    panel = _COLUMN if encoding.columns else _PANEL
    width = panel * across + _LEGEND + 0.8 * isinstance(encoding.colour, Sizes)
    figure = Figure(figsize=(width, height), layout="constrained")
    panels = figure.subplots(rows, across, sharex=True, sharey="row" if encoding.columns else "none", squeeze=False)
    each = [(name, part) for name in names for part in parts]
    for place, (axes, (name, (level, places))) in enumerate(zip(panels.flat, each, strict=False)):
        scale = choose_scale(name, frame[name])
        lines = draw_panel(axes, frame, name, encoding, places, scale=scale, cluster=cluster)
        title = [*_heading(name, level, encoding, first=place < across), *lines]
        broken = [part for line in title for part in textwrap.wrap(line, int((panel - 0.7) / _CHARACTER))]
        axes.set_title("\n".join(broken), fontsize=9.5)
        if place % across == 0 or not encoding.columns:
            axes.set_ylabel(label(name))
        axes.xaxis.set_tick_params(labelbottom=True)
        if place + across >= len(each):
            axes.set_xlabel(label("val_loss"))
        axes.locator_params(axis="x", nbins=5)
    hide_rest(figure, len(each))
    if isinstance(encoding.colour, Sizes):
        draw_sizes(figure, encoding.colour)
    draw_legend(figure, sections, notes)
    return figure


def _parts(encoding: Encoding, count: int) -> list[tuple[str, NDArray[np.int64]]]:
    """Return the levels that have columns, and the rows in each; one without a name where no setting has."""
    told = encoding.columns
    if told is None:
        return [("", np.arange(count))]
    return [(level, np.flatnonzero(told.of_row == level)) for level in told.levels]


def _heading(name: str, level: str, encoding: Encoding, *, first: bool) -> list[str]:
    """Name the property of a panel, and above the first row the level of its column."""
    column = [f"{plain(encoding.columns.name)}: {level}"] if encoding.columns and first else []
    return [*column, family(name)]


def draw_panel(
    axes: Axes,
    frame: pd.DataFrame,
    name: str,
    encoding: Encoding,
    places: NDArray[np.int64],
    *,
    scale: Scale,
    cluster: Cluster,
) -> list[str]:
    """Draw the models of a panel, what joins them, their fit and what random directions have; return words for both."""
    part = frame.iloc[places]
    draw_lines(axes, part, name)
    draw_marks(axes, frame, name, encoding, places)
    fit = describe_fit(axes, part, name, scale=scale, cluster=cluster)
    missing = len(part) - len(complete(part, [name, "val_loss"]))
    if 0 < missing < len(part):
        fit += f"; {missing} of {len(part)} undefined"
    random = draw_at_random(axes, part, name, scale)
    set_scale(axes, scale, frame[name])
    return [fit, *random]


def describe_fit(axes: Axes, frame: pd.DataFrame, name: str, *, scale: Scale, cluster: Cluster) -> str:
    """Draw the line of least squares on the scale of the panel, and return its R^2 in words."""
    known = complete(frame, ["val_loss", name]).astype({"val_loss": np.float64, name: np.float64})
    if len(known) < FEWEST:
        return f"{len(known)} model{'s' * (len(known) != 1)}, no fit" if len(known) else "undefined throughout"
    if known["val_loss"].nunique() < 2 or known[name].nunique() < 2:
        return f"n = {len(known)}, constant"
    row = correlations(known, [name], cluster=cluster).loc[name]
    logs = scale == "log"
    key = "r2_log" if logs else "r2"
    interval = f"  [{row[f'{key}_low']:.2f}, {row[f'{key}_high']:.2f}]" if np.isfinite(row[f"{key}_low"]) else ""
    values = np.log(known[name]) if logs else known[name]
    if scale == "symlog":  # where a straight line would be anything but
        return f"$R^2$ = {row[key]:.2f}{interval}"
    slope, start = np.polyfit(known["val_loss"] - known["val_loss"].mean(), values, 1)
    ends = np.array([known["val_loss"].min(), known["val_loss"].max()])
    line = start + slope * (ends - known["val_loss"].mean())
    axes.plot(ends, np.exp(line) if logs else line, color=INK, lw=1.2, ls=(0, (5, 3)), zorder=1)
    return f"$R^2$ = {row[key]:.2f}{interval}{' on the log' if logs else ''}"
