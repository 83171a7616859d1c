"""What the seeds of one cell say: metrics against loss, and which tests are left after Holm."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nc_hf.report.figures.style import ACCENT, INK, SHADE, label, log_axis, styled
from nc_hf.study.analysis.published import TABLE_1


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
    draw_tests(strips[-1].figure.add_subplot(strips[-1][taken:]), test.loc[names], len(test))
    return figure


def draw_tests(axes: Axes, test: pd.DataFrame, count: int) -> None:
    """Draw the p of tests before and after Holm, with the line at .05; ``count`` were made, not all of them shown."""
    places = np.arange(len(test))[::-1]
    axes.hlines(places, test["p"], test["p_holm"], color=SHADE, lw=1)
    axes.scatter(test["p"], places, s=34, c="white", ec=INK, label="p", zorder=2)
    axes.scatter(test["p_holm"], places, s=34, c=INK, marker="s", label="after Holm", zorder=2)
    axes.axvline(0.05, color=INK, lw=1, ls="--")
    log_axis(axes, "x")
    axes.set_yticks(places, [str(name) for name in test.index], fontsize=9)
    axes.set_xlabel("permutation p (dashed: .05)", fontsize=9)
    made = f"{count} tests" if count == len(test) else f"{len(test)} of {count} tests"
    axes.set_title(f"{int(test['n'].max())} seeds, {made}", fontsize=10)
    axes.legend(loc="lower right", bbox_to_anchor=(1, 0.98), ncols=2, borderpad=0, handletextpad=0.1)
