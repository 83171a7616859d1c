"""A result as one picture for a link's preview: model, verdict, four values and what they rest on."""

from __future__ import annotations

from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from nc_hf.metrics.table import METRICS
from nc_hf.report.figures.parts import palette, plain, shortened
from nc_hf.report.figures.style import styled
from nc_hf.report.record import ReportRecord
from nc_hf.report.verdict import verdict
from nc_hf.report.words import ARROWS, direction, short_commit, value_and_error

SIZE = (1200, 630)
"""Pixels, at `DPI`: what previews of links are cut to."""
DPI = 100

_SHOWN = ("nc1_trace_ratio", "gnc2_log_std_ratio", "nc3_cos_mean_centred", "nc4_agreement")
_WIDEST = 0.9  # of the picture, that a line takes


@styled
def share_figure(report: ReportRecord, *, dark: bool = False) -> Figure:
    """Draw a report for a link's preview, 1200 x 630; values are left out where there is no verdict.

    Args:
        report: to draw.
        dark: on dark paper.
    """
    colours, said = palette(dark), verdict(report)
    figure = Figure(figsize=(SIZE[0] / DPI, SIZE[1] / DPI), dpi=DPI)
    name = shortened(report.name, 60)
    figure.text(0.05, 0.87, "Neural collapse of", fontsize=19, color=colours.shade)
    _line(figure, 0.765, name, 34, "bold")
    figure.text(0.05, 0.635, said.title, fontsize=38, weight="bold", color=colours.accent)
    if said.level == "unknown":
        figure.text(0.05, 0.40, plain(said.basis), fontsize=20, wrap=True)
    else:
        for place, metric in enumerate(name for name in _SHOWN if name in report.metrics):
            _value(figure, report, metric, 0.05 + 0.232 * place, dark)
    source = shortened(report.corpus.source, 32)
    rests = f"{source}: {report.tokens:,} tokens, {report.classes.used:,} classes, loss {report.loss:.3f} nats a token"
    commit = short_commit(report.model.commit or "")
    made = " · ".join(filter(None, (commit, report.created[:10], f"nc_hf {report.versions.get('nc_hf', '')}".strip())))
    _line(figure, 0.135, rests, 17)
    figure.text(0.05, 0.075, plain(made), fontsize=15, color=colours.shade)
    return figure


def _line(figure: Figure, height: float, words: str, size: float, weight: str = "normal") -> None:
    """Write a line, smaller where it would run out of the picture."""
    text = figure.text(0.05, height, plain(words), fontsize=size, weight=weight)
    width = text.get_window_extent().width / SIZE[0]
    text.set_fontsize(size * min(1.0, _WIDEST / width))


def _value(figure: Figure, report: ReportRecord, metric: str, left: float, dark: bool) -> None:
    colours = palette(dark)
    value, error = value_and_error(report.metrics[metric])
    box = FancyBboxPatch(
        (left, 0.26), 0.204, 0.29, boxstyle="round,pad=0,rounding_size=0.012", transform=figure.transFigure,
        facecolor="none", edgecolor=colours.shade, linewidth=1.2,
    )  # fmt: skip
    figure.add_artist(box)
    figure.text(left + 0.016, 0.49, f"{METRICS[metric].family} {ARROWS[direction(metric)]}", fontsize=18, weight="bold")
    figure.text(left + 0.016, 0.385, value, fontsize=30)
    if error:
        figure.text(left + 0.016, 0.30, error if error.startswith("<") else f"± {error}", fontsize=17)
