"""All that a results table says: with the loss, beyond the settings, along each, among seeds, and at equal loss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from nc_hf.errors import StudyError
from nc_hf.metrics.table import DIAGNOSTICS
from nc_hf.study.analysis.clusters import Cluster, cluster_ids
from nc_hf.study.analysis.correlation import correlations
from nc_hf.study.analysis.held_out import held_out
from nc_hf.study.analysis.matched import matched, matched_pairs
from nc_hf.study.analysis.partial import other_evidence, partial_correlations
from nc_hf.study.analysis.results import default_metrics, metric_columns
from nc_hf.study.analysis.robust import FEWEST_CLUSTERS
from nc_hf.study.analysis.seeds import DRAWS, seed_cell, seed_spread, seed_test
from nc_hf.study.analysis.sensitivity import sensitivity
from nc_hf.study.analysis.trends import trends
from nc_hf.study.analysis.varying import Varying, examine
from nc_hf.study.analysis.verdicts import (
    axis_verdicts,
    beyond_verdicts,
    held_out_verdict,
    matched_verdict,
    seed_verdict,
)
from nc_hf.study.table import HALVES


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
        metrics: The metrics.
        asked: Those that were asked for, of which figures are drawn; None where figures choose for themselves.
        cluster: By what rows went together in intervals and tests.
        varying: What varies among the rows, and how it is controlled for.
        correlations: Every metric with validation loss.
        partial: The same beyond the settings; empty where a setting cannot be controlled for.
        evidence: Beyond accuracy, and across halves of the text.
        sensitivity: The answer beyond the settings under several models.
        held_out: The loss of architectures left out, from settings, accuracy and metrics; empty below the floors.
        trends: Every metric along every setting, the others fixed.
        matched: Levels of each setting at equal loss; empty without runs of several states that meet.
        pairs: What each pair of runs gave to that.
        seeds: The cell with the most seeds; None if no cell has three.
        verdicts: What of it may be said, in sentences.
        notes: What was left out, and why.
    """

    frame: pd.DataFrame
    metrics: tuple[str, ...]
    asked: tuple[str, ...] | None
    cluster: Cluster
    varying: Varying
    correlations: pd.DataFrame
    partial: pd.DataFrame
    evidence: pd.DataFrame
    sensitivity: pd.DataFrame
    held_out: pd.DataFrame
    trends: pd.DataFrame
    matched: pd.DataFrame
    pairs: pd.DataFrame
    seeds: SeedAnalysis | None
    verdicts: tuple[str, ...]
    notes: tuple[str, ...]


def analyze(
    frame: pd.DataFrame,
    metrics: Sequence[str] | None = None,
    *,
    cluster: Cluster = "architecture",
    resamples: int = 2000,
    permutations: int = DRAWS,
    seed: int = 0,
    require_seeds: bool = False,
) -> Analysis:
    """Analyse a results table.

    Args:
        frame: What ``read_results`` or ``read_tables`` returned; rows at initialisation should be left out, since the
            untrained loss would dominate every correlation.
        metrics: Names of metrics and presets; None for the preset ``core``, or all where the table has none of it.
        cluster: By what rows go together in intervals and tests.
        resamples: Bootstrap resamples of the held-out R²; 0 for no interval there.
        permutations: The most arrangements that the tests of seeds and of pairs try.
        seed: Seed of whatever is drawn.
        require_seeds: Refuse a table in which no cell has three seeds, instead of leaving the seed test out.

    Returns:
        The tables and what they say.

    Raises:
        StudyError: If there are fewer than three rows, a metric is missing, or seeds are required and too few.
    """
    names = metric_columns(frame, metrics) if metrics else default_metrics(frame)
    seeds, notes = None, missing_notes(frame, cluster)
    try:
        cell = seed_cell(frame)
        tests = seed_test(cell, names, permutations=permutations, seed=seed)
        seeds = SeedAnalysis(cell, tests, seed_spread(cell, names))
    except StudyError as too_few:
        if require_seeds:
            raise
        notes.append(f"No test among seeds: {too_few}")
    varying = examine(frame)
    withheld = bool(varying.refused)
    if withheld:
        notes.append(f"Beyond the settings nothing is shown: {' and '.join(varying.refused)} cannot be controlled for.")
    plain = correlations(frame, names, cluster=cluster)
    partial = partial_correlations(frame, names, varying=varying, cluster=cluster)
    evidence = other_evidence(frame, names, varying=varying, cluster=cluster)
    several = sensitivity(frame, names, varying=varying, cluster=cluster)
    foretold = held_out(frame, names, varying=varying, resamples=resamples, seed=seed)
    if withheld:
        partial, evidence, several, foretold = partial[:0], evidence[:0], several[:0], foretold[:0]
    elif foretold.empty:
        notes.append("No architecture is left out: that takes five architectures and eight rows.")
    moves = trends(frame, names, cluster=cluster, seed=seed)
    pairs = matched_pairs(frame, names)
    equal = matched(frame, names, pairs=pairs, permutations=permutations, seed=seed)
    if equal.empty:
        notes.append(
            "Nothing at equal loss: that takes runs of several states that differ in one setting and share losses."
        )
    judged = [name for name in names if name not in DIAGNOSTICS]
    verdicts = axis_verdicts(moves, judged)
    verdicts += beyond_verdicts(partial.loc[[name for name in judged if name in partial.index]], several["agree"])
    verdicts += [seed_verdict(seeds.test)] if seeds else []
    verdicts += held_out_verdict(foretold) + matched_verdict(equal)
    return Analysis(
        frame=frame,
        metrics=tuple(names),
        asked=tuple(names) if metrics else None,
        cluster=cluster,
        varying=varying,
        correlations=plain,
        partial=partial,
        evidence=evidence,
        sensitivity=several,
        held_out=foretold,
        trends=moves,
        matched=equal,
        pairs=pairs,
        seeds=seeds,
        verdicts=tuple(verdicts),
        notes=tuple(notes),
    )


def missing_notes(frame: pd.DataFrame, cluster: Cluster) -> list[str]:
    """Say what a table lacks, and what is left out for it."""
    notes = []
    architectures = len(set(cluster_ids(frame, "architecture")))
    if cluster == "architecture" and architectures < FEWEST_CLUSTERS:
        rows = f"The rows are of {architectures} architecture{'s' * (architectures > 1)}"
        takes = f"an interval over architectures takes {FEWEST_CLUSTERS}"
        notes.append(f"{rows}, and {takes}: --cluster setting asks about these alone.")
    if not all(f"nc4_agreement{half}" in frame and f"val_loss{half}" in frame for half in HALVES):
        notes.append(
            "The table has no halves of the validation text, so NC4 and the loss share their tokens throughout."
        )
    if "val_loss_stderr" not in frame:
        notes.append("The table has no standard errors: no reliability is told, and no rise is called clear of errors.")
    return notes
