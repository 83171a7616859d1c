"""Collapse by how often a token occurs: variability, agreement of the two classifiers, norms and duality."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nc_hf.errors import InputError
from nc_hf.metrics.table import METRICS
from nc_hf.report.detail import StratumRecord
from nc_hf.report.figures.parts import (
    Floats,
    draw_levels,
    frequency_axis,
    heading,
    key,
    name_points,
    palette,
    subject,
    tokens_of,
    used_strata,
)
from nc_hf.report.figures.style import Palette, label, log_axis, spans_decades, styled
from nc_hf.report.record import ReportRecord

_NAMED = 4  # tokens named at either end of a panel
_SAMPLED = 10  # fewest sampled tokens that make a share worth drawing
_MEDIAN_OF = 3  # fewest tokens that have a median worth drawing
_SIZE = (9.6, 4.6)
_ONE_BIN, _ALL = "a bin of frequency", "all tokens"
_SINGLE = "single tokens, and the median of each bin"


@styled
def variability_figure(report: ReportRecord, *, dark: bool = False) -> Figure:
    """Draw variability by frequency: each token on its own, and NC1 among the tokens of one bin.

    Raises:
        InputError: the report holds no single tokens, or no metric of NC1.
    """
    table, strata, colours = tokens_of(report), used_strata(report), palette(dark)
    measured = {name for stratum in strata for name in stratum.metrics}
    names = [name for name in report.metrics if name in measured and METRICS[name].family == "NC1"]
    if not names:
        raise InputError(f"the report of {report.name} holds no metric of NC1: measure with the preset core.")
    figure = Figure(figsize=_SIZE, layout="constrained")
    left, right = figure.subplots(1, 2)
    draw_tokens(left, report, np.array(table.columns.variability), strata, colours)
    left.set_title(_SINGLE, fontsize=10)
    left.set_ylabel("variability of the contexts\n(lower = more collapsed)")
    draw_bins(right, report, strata, names[0], colours)
    right.set_title("tokens of one bin among themselves", fontsize=10)
    key(figure)
    heading(figure, "Variability by token frequency", subject(report.name, report))
    return figure


@styled
def agreement_figure(report: ReportRecord, *, dark: bool = False) -> Figure:
    """Draw NC4 by frequency: the share of sampled tokens on which both classifiers agree, by bin and by token.

    Raises:
        InputError: the report holds no single tokens, or no NC4.
    """
    table, colours = tokens_of(report), palette(dark)
    strata = [stratum for stratum in report.strata if "nc4_agreement" in stratum.metrics]
    if "nc4_agreement" not in report.metrics or not strata:
        raise InputError(f"the report of {report.name} holds no NC4: measure with the preset core.")
    figure = Figure(figsize=_SIZE, layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    sampled = np.array(table.columns.sampled, dtype=np.float64)
    share = np.array(table.columns.agreed) / np.where(sampled >= _SAMPLED, sampled, np.nan)
    left.set_ylim(-0.04, 1.04)
    draw_tokens(left, report, share, strata, colours)
    left.set_title(f"tokens sampled ≥ {_SAMPLED} times, and medians", fontsize=10)
    left.set_ylabel(label("nc4_agreement"))
    draw_bins(right, report, strata, "nc4_agreement", colours)
    shares = np.array([stratum.metrics["nc4_agreement"] for stratum in strata])
    errors = np.sqrt(shares * (1 - shares) / [stratum.agreement_tokens for stratum in strata])
    middles = [np.sqrt(stratum.low * (stratum.high + 1)) for stratum in strata]
    right.errorbar(middles, shares, errors, fmt="none", ecolor=colours.ink, elinewidth=1.2, capsize=3, zorder=3)
    right.set_title("sampled tokens of one bin, ± one standard error", fontsize=10)
    right.set_ylabel("")
    key(figure)
    heading(figure, "Agreement with the nearest class centre (NC4) by token frequency", subject(report.name, report))
    return figure


@styled
def norms_figure(report: ReportRecord, *, dark: bool = False) -> Figure:
    """Draw norm and duality of every token by its frequency.

    Raises:
        InputError: the report holds no single tokens.
    """
    table, strata, colours = tokens_of(report), used_strata(report), palette(dark)
    figure = Figure(figsize=_SIZE, layout="constrained")
    left, right = figure.subplots(1, 2)
    if spans_decades(table.columns.norm, 10.0):
        log_axis(left, "y")
    draw_tokens(left, report, np.array(table.columns.norm), strata, colours)
    for axes in (left, right):
        axes.set_title(_SINGLE, fontsize=10)
    left.set_ylabel("norm of the class mean, |m|\n(1 = root mean square of all)")
    draw_tokens(right, report, np.array(table.columns.duality), strata, colours)
    right.set_ylabel("duality cos(w, m), centred\n(higher = more collapsed)")
    key(figure)
    heading(figure, "Norms and duality of the class means by token frequency", subject(report.name, report))
    return figure


def draw_tokens(
    axes: Axes, report: ReportRecord, values: Floats, strata: Sequence[StratumRecord], colours: Palette
) -> None:
    """Draw one value a token against its frequency, the median of each bin, and the names of the outermost."""
    columns = tokens_of(report).columns
    counts = np.array(columns.counts, dtype=np.float64)
    axes.scatter(counts, values, s=16, color=colours.accent, alpha=0.6, lw=0, label="a token", zorder=2)
    finite = np.flatnonzero(np.isfinite(values))
    inside = [finite[(counts[finite] >= s.low) & (counts[finite] <= s.high)] for s in strata]
    known = [(s, float(np.median(values[i]))) for s, i in zip(strata, inside, strict=True) if len(i) >= _MEDIAN_OF]
    draw_levels(axes, [s for s, _ in known], [level for _, level in known], colours.ink, label=_ONE_BIN)
    frequency_axis(axes, strata)
    order = finite[np.argsort(values[finite], kind="stable")]
    outer = np.unique(np.concatenate([order[:_NAMED], order[-_NAMED:]]))
    name_points(axes, counts[outer], values[outer], [columns.texts[place] for place in outer], colours)


def draw_bins(axes: Axes, report: ReportRecord, strata: Sequence[StratumRecord], name: str, colours: Palette) -> None:
    """Draw a metric among the classes of each bin, and its value over all of them."""
    known = [stratum for stratum in strata if name in stratum.metrics]
    draw_levels(axes, known, [stratum.metrics[name] for stratum in known], colours.ink, label=_ONE_BIN)
    axes.axhline(report.metrics[name].value, color=colours.accent, lw=1.4, ls="--", label=_ALL)
    frequency_axis(axes, strata)
    axes.set_ylabel(label(name))
