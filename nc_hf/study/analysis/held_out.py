"""How well the loss of an architecture that was never seen is foretold: from settings, with accuracy, with the metrics.

Every architecture is left out in turn. Numbers enter by their log and its square, words by their levels, accuracy and
metrics by the log of their magnitude where they have one sign; all are standardised on the rows that are kept. The
model is ridge regression, whose penalty is chosen among the kept rows alone, by leaving out groups of their
architectures in turn: so more columns than rows are borne, and columns that say nothing are shrunk, not believed.
Where the table has halves of the validation text, accuracy and NC4 are of the first and the loss is of the second.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nc_hf.study.analysis.clusters import cluster_ids
from nc_hf.study.analysis.correlation import complete, log_magnitude
from nc_hf.study.analysis.families import LEVEL, holm
from nc_hf.study.analysis.partial import ACCURACY
from nc_hf.study.analysis.permutation import sign_flip_p, smallest_flip_p
from nc_hf.study.analysis.results import metric_columns
from nc_hf.study.analysis.robust import FEWEST_CLUSTERS, FEWEST_ROWS
from nc_hf.study.analysis.varying import Varying, examine, number_design
from nc_hf.study.table import HALVES

Floats = NDArray[np.float64]
PENALTIES = np.logspace(-4, 2, 13)
"""Of the ridge, as shares of the number of rows."""
INNER = 10
"""Groups of architectures that choose the penalty, at most."""
DRAWS = 20_000


def held_out(
    frame: pd.DataFrame,
    metrics: Sequence[str] | None = None,
    *,
    varying: Varying | None = None,
    resamples: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """Foretell the loss of each architecture from all the others.

    Args:
        frame: A results table.
        metrics: Names of metrics; None for all of the table's.
        varying: What ``examine`` found in it; None to look.
        resamples: Bootstrap resamples of architectures; 0 for no intervals.
        seed: Seed of the bootstrap and of the sign flips.

    Returns:
        One row per set of columns, ``from``: ``n``, ``clusters``, ``columns``; ``r2``, one less the squared error over
        that of the mean of the kept architectures, with a percentile interval over architectures; ``gain`` over the row
        before it, with ``p`` (architectures' squared errors, sign flips) and ``p_holm``. Empty below the floors.
    """
    names = metric_columns(frame, metrics)
    own, other = (
        HALVES if all(f"{name}{half}" in frame for name in ("val_loss", ACCURACY) for half in HALVES) else ("", "")
    )
    target = f"val_loss{other}"
    halved = [f"{name}{own}" if f"{name}{own}" in frame else name for name in names]
    halved = [
        name for name in halved if frame[name].notna().mean() > 0.5
    ]  # a metric that is mostly undefined costs the rows
    known = complete(frame, [target, f"{ACCURACY}{own}", *halved])
    groups = cluster_ids(known, "architecture")
    columns = ["from", "n", "clusters", "columns", "r2", "r2_low", "r2_high", "gain", "p", "p_holm"]
    if len(known) < FEWEST_ROWS or len(set(groups)) < FEWEST_CLUSTERS:
        return pd.DataFrame(columns=columns)
    settings = number_design(known, (varying or examine(frame)).taken)[:, 1:]
    accuracy = _scaled(known, [f"{ACCURACY}{own}"])
    sets = {
        "settings": settings,
        "settings + accuracy": np.hstack([settings, accuracy]),
        "settings + accuracy + NC": np.hstack([settings, accuracy, _scaled(known, halved)]),
    }
    y = known[target].to_numpy(np.float64)
    base = _by_group((y - leave_out(np.empty((len(y), 0)), y, groups)) ** 2, groups)
    resampled = np.random.default_rng(seed).integers(len(base), size=(resamples, len(base)))
    lines, before = [], None
    for name, features in sets.items():
        errors = _by_group((y - leave_out(features, y, groups)) ** 2, groups)
        r2 = 1 - errors.sum() / base.sum()
        drawn = 1 - errors[resampled].sum(axis=1) / base[resampled].sum(axis=1) if resamples else np.array([np.nan])
        low, high = np.quantile(drawn, [0.025, 0.975])
        gain, p = np.nan, np.nan
        if before is not None:
            gain = (before.sum() - errors.sum()) / base.sum()
            p = sign_flip_p(before - errors, DRAWS, seed) if smallest_flip_p(len(errors)) <= LEVEL else np.nan
        lines.append((name, len(y), len(errors), features.shape[1], r2, low, high, gain, p))
        before = errors
    table = pd.DataFrame(lines, columns=columns[:-1])
    return table.assign(p_holm=holm(table["p"].to_numpy(np.float64)))


def leave_out(features: Floats, y: Floats, groups: NDArray[np.int64]) -> Floats:
    """Foretell each row's y from the rows of all other groups, with a penalty that these alone choose.

    Args:
        features: (N, P); with no column, the mean of the others is foretold.
        y: (N,).
        groups: (N,) numbers.
    """
    foretold = np.empty(len(y))
    for group in np.unique(groups):
        kept = groups != group
        if features.shape[1] == 0:
            foretold[~kept] = y[kept].mean()
            continue
        folds = np.unique(groups[kept], return_inverse=True)[1] % INNER
        lost = np.zeros(len(PENALTIES))
        for fold in np.unique(folds):
            learn, try_on = np.flatnonzero(kept)[folds != fold], np.flatnonzero(kept)[folds == fold]
            lost += ((ridge(features[learn], y[learn], features[try_on]) - y[try_on]) ** 2).sum(axis=1)
        best = int(lost.argmin())
        foretold[~kept] = ridge(features[kept], y[kept], features[~kept])[best]
    return foretold


def ridge(features: Floats, y: Floats, new: Floats) -> Floats:
    """Foretell new rows under every penalty (penalties, rows); columns are standardised on the rows learnt from."""
    middle, spread = features.mean(axis=0), features.std(axis=0)
    kept = spread > 1e-12 * np.maximum(np.abs(middle), 1)
    learn, new = ((each[:, kept] - middle[kept]) / spread[kept] for each in (features, new))
    left, sizes, right = np.linalg.svd(learn, full_matrices=False)
    shrunk = sizes / (sizes**2 + PENALTIES[:, None] * len(y))
    return np.asarray(y.mean() + (shrunk * (left.T @ (y - y.mean()))) @ right @ new.T)


def _scaled(known: pd.DataFrame, names: Sequence[str]) -> Floats:
    """Take columns by the log of their magnitude where they have one sign, else as they are."""
    taken = []
    for name in names:
        values = known[name].to_numpy(np.float64)
        logs = log_magnitude(values)
        taken.append(logs if np.isfinite(logs).all() else values)
    return np.stack(taken, axis=1)


def _by_group(values: Floats, groups: NDArray[np.int64]) -> Floats:
    return np.asarray(np.bincount(np.unique(groups, return_inverse=True)[1], values), dtype=np.float64)
