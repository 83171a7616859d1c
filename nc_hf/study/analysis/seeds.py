"""What the seeds of one cell say: how far a metric scatters, and whether it goes with the loss at fixed settings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from nc_hf.errors import StudyError
from nc_hf.study.analysis.columns import REPEATS, codes, labels, settings_of
from nc_hf.study.analysis.correlation import complete, pearson
from nc_hf.study.analysis.families import LEVEL, benjamini_hochberg, holm
from nc_hf.study.analysis.permutation import permutation_p, smallest_pairing_p
from nc_hf.study.analysis.results import metric_columns
from nc_hf.study.table import OUTCOMES

DRAWS = 1_000_000
"""Permutations by default: a p-value of .05 is then known to about .0002."""

FEWEST_SEEDS = next(n for n in range(3, 9) if smallest_pairing_p(n) <= LEVEL)
"""Seeds below which no test is made: all pairings of three could not give a p below 1/6."""

FEWEST_FOR_SPREAD = 3
"""Seeds below which no spread is told."""


def seed_cell(frame: pd.DataFrame) -> pd.DataFrame:
    """Take the rows of the cell that was trained from the most seeds; of equals, the one trained longest.

    A cell is everything that a table tells of a model but its seeds: every setting, whatever its name, and the state.
    Of rows that share a seed of initialisation or of data order while others do not, one is taken.

    Args:
        frame: A results table.

    Returns:
        At least three rows that differ in their seed alone.

    Raises:
        StudyError: If no cell has three seeds.
    """
    fixed = [*(name for name in settings_of(frame) if name not in REPEATS), "trained_epochs"]
    cells = [_distinct(rows) for _, rows in frame.groupby(codes(frame, fixed))]
    best = max(cells, key=lambda rows: (len(rows), rows["trained_epochs"].iloc[0]), default=frame)
    if len(best) < FEWEST_FOR_SPREAD:
        raise StudyError(
            f"a seed test needs {FEWEST_FOR_SPREAD} seeds of one cell and there are {len(best)}: train one cell from "
            "more seeds."
        )
    return best


def _distinct(rows: pd.DataFrame) -> pd.DataFrame:
    """Keep rows of which no two share a seed, unless all do."""
    repeated = False
    for name in REPEATS:
        if name in rows and len(set(labels(rows[name]))) > 1:
            rows, repeated = rows[~pd.Series(labels(rows[name])).duplicated().to_numpy()], True
    return rows if repeated else rows[:1]


def seed_test(
    cell: pd.DataFrame,
    metrics: Sequence[str] | None = None,
    *,
    target: str = "val_loss",
    permutations: int = DRAWS,
    seed: int = 0,
) -> pd.DataFrame:
    """Test whether a metric goes with validation loss among models that differ in their seed alone.

    Two-sided: how often does a random pairing of metrics and losses correlate as strongly as the real one? All n!
    pairings are tried when there are at most ``permutations`` of them; else that many are drawn, and the real one
    counts among them, so that p is never 0.

    Args:
        cell: Rows of one cell, one per seed.
        metrics: The family of hypotheses; None for all of the table's metrics.
        target: What to correlate with.
        permutations: The most pairings to try.
        seed: Seed of the draws.

    Returns:
        One row per metric: ``n``, ``pearson``, ``r2``, ``p``, ``exact`` (all pairings were tried), ``p_holm`` (bounds
        the chance of any false discovery) and ``p_bh`` (bounds the expected share of false ones). A metric with fewer
        values than ``FEWEST_SEEDS``, or a constant one, has nothing but ``n`` and is no member of the family.

    Raises:
        StudyError: If a metric is missing, or ``permutations`` is not positive.
    """
    if permutations < 1:
        raise StudyError(f"{permutations} permutations cannot be tried: ask for at least 1.")
    rows = {}
    for name in metric_columns(cell, metrics):
        x, y = complete(cell, [name, target])[[name, target]].to_numpy(np.float64).T
        r = float(pearson(x, y)) if len(x) >= FEWEST_SEEDS else float("nan")
        p, exact = permutation_p(x, y, permutations, seed) if np.isfinite(r) else (float("nan"), False)
        rows[name] = {"n": len(x), "pearson": r, "r2": r * r, "p": p, "exact": exact}
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("metric")
    p_values = table["p"].to_numpy(np.float64)
    return table.assign(p_holm=holm(p_values), p_bh=benjamini_hochberg(p_values))


def seed_spread(cell: pd.DataFrame, metrics: Sequence[str] | None = None) -> pd.DataFrame:
    """Measure how far each outcome and metric scatters among seeds: the tolerance of a reproduction.

    Args:
        cell: Rows of one cell, one per seed.
        metrics: Names of metrics; None for all of the table's.

    Returns:
        One row per outcome and metric: ``n``, ``mean``, ``std`` (of a sample: ddof 1) and ``cov`` = std / |mean|; ``n``
        alone where fewer than ``FEWEST_FOR_SPREAD`` have a value.

    Raises:
        StudyError: If a metric is missing.
    """
    names = [*(name for name in OUTCOMES if name in cell), *metric_columns(cell, metrics)]
    values = cell[names].astype(np.float64)
    table = pd.DataFrame({"mean": values.mean(), "std": values.std(ddof=1)})
    table = table.assign(cov=table["std"] / table["mean"].abs()).rename_axis("metric")
    table[values.count() < FEWEST_FOR_SPREAD] = np.nan
    return table.assign(n=values.count())[["n", "mean", "std", "cov"]]
