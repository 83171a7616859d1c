"""What the seeds of one cell say: how far a metric scatters, and whether it goes with the loss at fixed settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import factorial

import numpy as np
import pandas as pd
from scipy import stats

from nc_hf.errors import StudyError
from nc_hf.study.analysis.correlation import Floats, complete, pearson
from nc_hf.study.analysis.results import CELL, OUTCOMES, metric_columns

DRAWS = 1_000_000
"""Permutations by default: a p-value of .05 is then known to about .0002."""

_BATCH = 50_000  # bounds the memory of a batch of permutations of 21 seeds to about 10 MB
_ATTAINABLE_DIGITS = 12  # statistics equal but for the order of summation must count as equal


def seed_cell(frame: pd.DataFrame) -> pd.DataFrame:
    """Take the rows of the cell that was trained from the most seeds; of equals, the one trained longest.

    Args:
        frame: A results table.

    Returns:
        At least three rows that differ in their seed alone.

    Raises:
        StudyError: If no cell has three seeds.
    """
    cells = [rows.drop_duplicates("seed") for _, rows in frame.groupby(list(CELL))]
    best = max(cells, key=lambda rows: (len(rows), rows["trained_epochs"].iloc[0]), default=frame)
    require_seeds(best)
    return best


def require_seeds(cell: pd.DataFrame) -> None:
    """Refuse a cell in which chance alone could not be told from anything."""
    if len(cell) < 3:
        raise StudyError(
            f"a seed test needs three seeds of one cell and there are {len(cell)}: train one cell from more seeds."
        )


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
        the chance of any false discovery) and ``p_bh`` (bounds the expected share of false ones). A metric without
        three values, or a constant one, has p NaN and is no member of the family.

    Raises:
        StudyError: If there are fewer than three rows, a metric is missing, or ``permutations`` is not positive.
    """
    require_seeds(cell)
    if permutations < 1:
        raise StudyError(f"{permutations} permutations cannot be tried: ask for at least 1.")
    rows = {}
    for name in metric_columns(cell, metrics):
        x, y = complete(cell, name, target)
        r = float(pearson(x, y)) if len(x) >= 3 else float("nan")
        p, exact = permutation_p(x, y, permutations, seed) if np.isfinite(r) else (float("nan"), False)
        rows[name] = {"n": len(x), "pearson": r, "r2": r * r, "p": p, "exact": exact}
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("metric")
    p_values = table["p"].to_numpy(np.float64)
    return table.assign(p_holm=over_finite(holm, p_values), p_bh=over_finite(benjamini_hochberg, p_values))


def permutation_p(x: Floats, y: Floats, permutations: int, seed: int) -> tuple[float, bool]:
    """Compute the two-sided permutation p of Pearson's r, and whether every pairing was tried."""

    def strength(shuffled: Floats, axis: int = -1) -> Floats:
        return np.abs(pearson(x, shuffled, axis=axis)).round(_ATTAINABLE_DIGITS)

    result = stats.permutation_test(
        (y,),
        strength,
        permutation_type="pairings",
        vectorized=True,
        n_resamples=permutations,
        batch=_BATCH,
        alternative="greater",
        rng=seed,
    )
    return float(result.pvalue), factorial(len(y)) <= permutations  # scipy's own condition for enumerating


def holm(p_values: Floats) -> Floats:
    """Adjust p-values by Holm's step-down rule, which holds under any dependence.

    The k-th smallest of m is multiplied by m - k + 1; no adjusted value falls below the one before it.

    Example:
        >>> holm(np.array([0.01, 0.04, 0.03])).round(2).tolist()
        [0.03, 0.06, 0.06]
    """
    order = np.argsort(p_values)
    multiplied = p_values[order] * np.arange(len(p_values), 0, -1)
    adjusted = np.empty_like(p_values)
    adjusted[order] = np.minimum(np.maximum.accumulate(multiplied), 1.0)
    return adjusted


def benjamini_hochberg(p_values: Floats) -> Floats:
    """Adjust p-values for the false discovery rate."""
    return np.asarray(stats.false_discovery_control(p_values, method="bh"))


def over_finite(adjust: Callable[[Floats], Floats], p_values: Floats) -> Floats:
    """Adjust the family of tests that could be made, and leave the others NaN."""
    made = np.isfinite(p_values)
    adjusted = np.full_like(p_values, np.nan)
    if made.any():
        adjusted[made] = adjust(p_values[made])
    return adjusted


def seed_spread(cell: pd.DataFrame, metrics: Sequence[str] | None = None) -> pd.DataFrame:
    """Measure how far each outcome and metric scatters among seeds: the tolerance of a reproduction.

    Args:
        cell: Rows of one cell, one per seed.
        metrics: Names of metrics; None for all of the table's.

    Returns:
        One row per outcome and metric: ``n``, ``mean``, ``std`` (of a sample: ddof 1) and ``cov`` = std / |mean|.

    Raises:
        StudyError: If a metric is missing.
    """
    names = [*(name for name in OUTCOMES if name in cell), *metric_columns(cell, metrics)]
    values = cell[names].astype(np.float64)
    table = pd.DataFrame({"n": values.count(), "mean": values.mean(), "std": values.std(ddof=1)})
    return table.assign(cov=table["std"] / table["mean"].abs()).rename_axis("metric")
