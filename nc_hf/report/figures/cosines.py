"""The cosines among the commonest classes, in an order in which like stands beside like."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

from nc_hf.errors import InputError
from nc_hf.report.figures.parts import Floats, heading, plain, subject, tokens_of
from nc_hf.report.figures.style import styled
from nc_hf.report.record import ReportRecord


@styled
def cosine_figure(report: ReportRecord, *, dark: bool = False) -> Figure:
    """Draw cos(m_c, m_c') among the commonest tokens, ordered by clustering so that blocks are groups of like means.

    Raises:
        InputError: the report holds no single tokens, or fewer than two whose mean has a direction.
    """
    record = tokens_of(report).commonest
    cosines = np.array(record.cosines)
    defined = np.isfinite(np.diag(cosines))
    cosines = cosines[np.ix_(defined, defined)]
    texts = [plain(text) for text, kept in zip(record.texts, defined, strict=True) if kept]
    if len(texts) < 2:
        raise InputError(
            f"the report of {report.name} has fewer than two common tokens whose mean has a direction: measure on more "
            "text, or a model whose features tell tokens apart."
        )
    order = similar_together(cosines)
    shown = cosines[np.ix_(order, order)].copy()
    np.fill_diagonal(shown, np.nan)
    limit = max(np.ceil(10 * np.nanmax(np.abs(shown))), 1) / 10  # cosines that are all 0 need a scale too
    figure = Figure(figsize=(1.6 + 0.185 * len(texts), 1.1 + 0.185 * len(texts)), layout="constrained")
    axes = figure.subplots()
    # Cividis grows steadily lighter, through grey at 0: grey prints keep the order, and its ends differ to all eyes.
    image = axes.imshow(shown, cmap="cividis", vmin=-limit, vmax=limit, interpolation="nearest")
    names = [texts[place] for place in order]
    axes.set_xticks(range(len(names)), names, rotation=90, fontsize=8)
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    figure.colorbar(image, ax=axes, shrink=0.6, aspect=30, pad=0.02, label="cosine of centred class means")
    heading(figure, f"Cosines among the {len(names)} commonest tokens", subject(report.name, report))
    return figure


def similar_together(cosines: Floats) -> NDArray[np.int64]:
    """Return an order of rows by average linkage on 1 - cos, with neighbouring leaves as alike as the tree allows."""
    if len(cosines) < 3:
        return np.arange(len(cosines))
    distances = np.clip(1 - (cosines + cosines.T) / 2, 0, None)
    np.fill_diagonal(distances, 0.0)
    order: NDArray[np.int64] = leaves_list(linkage(squareform(distances), "average", optimal_ordering=True))
    return order
