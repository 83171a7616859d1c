"""All the figures that an analysis has something to draw in."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from nc_hf.study.analysis.analyze import Analysis
from nc_hf.study.analysis.figures.against_loss import loss_figure
from nc_hf.study.analysis.figures.course import course_figure, has_course
from nc_hf.study.analysis.figures.matched import matched_figure
from nc_hf.study.analysis.figures.seeds import seed_figure
from nc_hf.study.analysis.figures.trends import has_trends, trend_figure


def analysis_figures(analysis: Analysis, frame: pd.DataFrame | None = None) -> dict[str, Figure]:
    """Draw what an analysis has.

    Args:
        analysis: Of a table.
        frame: The table with models at initialisation, from which a course starts; None for the rows analysed.

    Returns:
        By name: ``loss``, metrics against loss; and where the table has that, ``trends`` along single settings,
        ``course`` of training, ``matched`` differences at equal loss, and ``seeds`` of one cell.
    """
    every = analysis.frame if frame is None else frame
    figures = {"loss": loss_figure(analysis.frame, analysis.asked, cluster=analysis.cluster)}
    if has_trends(analysis.frame):
        figures["trends"] = trend_figure(analysis.frame, analysis.asked)
    if has_course(every):
        figures["course"] = course_figure(every, analysis.asked)
    if len(analysis.matched):
        figures["matched"] = matched_figure(analysis.pairs, analysis.matched, analysis.asked)
    if analysis.seeds:
        figures["seeds"] = seed_figure(analysis.seeds.cell, analysis.seeds.test)
    return figures
