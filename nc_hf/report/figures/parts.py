"""What several figures of reports need: their tokens and bins, names fit to be drawn, axes of frequency."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib import font_manager
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator
from numpy.typing import NDArray

from nc_hf.errors import InputError
from nc_hf.report.detail import StratumRecord, TokenTable
from nc_hf.report.figures.style import DARK, LIGHT, Palette
from nc_hf.report.names import shortened
from nc_hf.report.record import ReportRecord

Floats = NDArray[np.float64]

# Share of an axis within which two named points share one label.
_NEAR = (0.09, 0.05)
_GAP = 1.03  # between the levels of neighbouring bins


def palette(dark: bool) -> Palette:
    """Return the colours for white or for dark paper."""
    return DARK if dark else LIGHT


def tokens_of(report: ReportRecord) -> TokenTable:
    """Return the part of a report that speaks of single tokens.

    Raises:
        InputError: the report has none.
    """
    if report.token_table is None:
        raise InputError(f"the report of {report.name} holds no single tokens: measure again with this nc_hf.")
    return report.token_table


def used_strata(report: ReportRecord) -> list[StratumRecord]:
    """Return the strata whose classes count for the metrics."""
    return [stratum for stratum in report.strata if stratum.used]


def heading(figure: Figure, *lines: str) -> None:
    """Say above the panels what is shown."""
    figure.suptitle("\n".join(filter(None, lines)), x=0.01, ha="left", fontsize=11)


def subject(model: str, report: ReportRecord) -> str:
    """Name a model, and the text of its report."""
    return plain(f"{shortened(model, 60)} on {shortened(report.corpus.source, 48)}")


def key(figure: Figure) -> None:
    """Explain below the panels everything in them that has a label, once."""
    handles: dict[str, Artist] = {}
    for axes in figure.axes:
        drawn, labels = axes.get_legend_handles_labels()
        handles |= dict(zip(labels, drawn, strict=True))
    figure.legend(handles=list(handles.values()), loc="outside lower center", ncols=len(handles), fontsize=9)


def plain(text: str) -> str:
    r"""Return a text that is drawn as it stands: no mathematics, and codes for characters that the font lacks.

    >>> plain("$x$"), plain("\u4e2d")
    ('\\$x\\$', '\\u4e2d')
    """
    known = font_manager.get_font(font_manager.findfont(font_manager.FontProperties())).get_charmap()
    shown = (c if ord(c) in known else c.encode("unicode_escape").decode("ascii") for c in text)
    return "".join(shown).replace("$", "\\$")


def frequency_axis(axes: Axes, strata: Sequence[StratumRecord]) -> None:
    """Make the x axis a logarithmic one that holds the bins, with plain numbers."""
    low, high = strata[0].low, strata[-1].high + 1
    axes.set_xscale("log")
    axes.set_xlim(low / 1.15, high * 1.15)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 3) if high < 1000 * low else (1,), numticks=12))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("occurrences of the token in the corpus")


def draw_levels(
    axes: Axes, strata: Sequence[StratumRecord], levels: Sequence[float], colour: str, *, label: str
) -> None:
    """Draw one level a bin, from its lowest to its highest count."""
    for place, (stratum, level) in enumerate(zip(strata, levels, strict=True)):
        ends = [stratum.low * _GAP, (stratum.high + 1) / _GAP]
        axes.plot(ends, [level] * 2, color=colour, lw=2.4, label=None if place else label, zorder=3)


def name_points(axes: Axes, x: Floats, y: Floats, names: Sequence[str], colours: Palette) -> None:
    """Write names beside points, those of points close together in one line; x is logarithmic."""
    width = np.ptp(np.log(axes.get_xlim()))
    height = np.ptp(axes.get_ylim())
    groups: list[list[int]] = []
    for place in range(len(names)):
        for group in groups:
            apart = (np.log(x[place] / x[group[0]]) / width, (y[place] - y[group[0]]) / height)
            if abs(apart[0]) < _NEAR[0] and abs(apart[1]) < _NEAR[1]:
                group.append(place)
                break
        else:
            groups.append([place])
    for group in groups:
        outside = np.log(x[group[0]] / axes.get_xlim()[0]) > 0.8 * width  # no room to the right of the point
        beside = (min if outside else max)(group, key=lambda place: float(x[place]))
        axes.annotate(
            plain(", ".join(names[place] for place in group)),
            (x[beside], y[beside]),
            xytext=(-5 if outside else 5, 0),
            textcoords="offset points",
            ha="right" if outside else "left",
            va="center",
            fontsize=9,
            path_effects=[withStroke(linewidth=2.5, foreground=colours.paper)],
            zorder=4,
        )
