"""Everything that a results table says: with the loss, beyond the settings, along each setting, and among seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from nc_hf.errors import StudyError
from nc_hf.study.analysis.correlation import correlations, partial_correlations
from nc_hf.study.analysis.results import metric_columns
from nc_hf.study.analysis.seeds import DRAWS, seed_cell, seed_spread, seed_test
from nc_hf.study.analysis.trends import trends


@dataclass(frozen=True)
class SeedAnalysis:
    """What the seeds of one cell say: their rows, the tests, and how far each quantity scatters."""

    cell: pd.DataFrame
    test: pd.DataFrame
    spread: pd.DataFrame


@dataclass(frozen=True)
class Analysis:
    """What a results table says.

    Attributes:
        frame: The rows that were analysed.
        correlations: Every metric with validation loss.
        partial: The same once width, depth, epochs and weight decay are taken out.
        trends: Every metric along every setting, the others fixed.
        seeds: The cell with the most seeds; None if no cell has three.
        note: Why there is no seed test, where there is none.
    """

    frame: pd.DataFrame
    correlations: pd.DataFrame
    partial: pd.DataFrame
    trends: pd.DataFrame
    seeds: SeedAnalysis | None
    note: str | None


def analyze(
    frame: pd.DataFrame,
    metrics: Sequence[str] | None = None,
    *,
    resamples: int = 2000,
    permutations: int = DRAWS,
    seed: int = 0,
    require_seeds: bool = False,
) -> Analysis:
    """Analyse a results table.

    Args:
        frame: What ``read_results`` returned; rows at initialisation should be left out, since the untrained loss would
            dominate every correlation.
        metrics: Names of metrics; None for all of the table's.
        resamples: Bootstrap resamples; 0 for no intervals.
        permutations: The most pairings that the seed test tries.
        seed: Seed of the bootstrap and of the permutations.
        require_seeds: Refuse a table in which no cell has three seeds, instead of leaving the seed test out.

    Returns:
        The tables.

    Raises:
        StudyError: If there are fewer than three rows, a metric is missing, or seeds are required and too few.
    """
    names = metric_columns(frame, metrics)
    seeds, note = None, None
    try:
        cell = seed_cell(frame)
        tests = seed_test(cell, names, permutations=permutations, seed=seed)
        seeds = SeedAnalysis(cell, tests, seed_spread(cell, names))
    except StudyError as too_few:
        if require_seeds:
            raise
        note = str(too_few)
    return Analysis(
        frame=frame,
        correlations=correlations(frame, names, resamples=resamples, seed=seed),
        partial=partial_correlations(frame, names),
        trends=trends(frame, names),
        seeds=seeds,
        note=note,
    )
