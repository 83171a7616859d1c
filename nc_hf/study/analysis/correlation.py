"""How each metric goes with validation loss over all rows: Pearson, Spearman and R^2.

A correlation over a grid mixes two questions. Larger models have lower loss and other geometry, so almost everything
correlates with everything; ``partial`` asks what remains once each setting has been given its own mean.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from nc_hf.errors import StudyError
from nc_hf.study.analysis.clusters import Cluster, cluster_ids
from nc_hf.study.analysis.columns import errors_of
from nc_hf.study.analysis.families import holm
from nc_hf.study.analysis.results import metric_columns
from nc_hf.study.analysis.robust import ClusterModel, Estimate

Floats = NDArray[np.float64]
ENDS = ("", "_low", "_high")


def correlations(
    frame: pd.DataFrame,
    metrics: Sequence[str] | None = None,
    *,
    target: str = "val_loss",
    cluster: Cluster = "architecture",
) -> pd.DataFrame:
    """Correlate each metric with validation loss.

    Args:
        frame: A results table; a row without the metric is left out of that metric alone.
        metrics: Names of metrics; None for all of the table's.
        target: What to correlate with.
        cluster: By what rows go together.

    Returns:
        One row per metric: ``n``, ``clusters``, ``df``; ``pearson``, ``spearman``, ``r2`` (linear) and ``r2_log`` (on
        the log of the metric's magnitude, missing where its sign changes), each with its 95 % interval as ``_low`` and
        ``_high``; ``p`` of Pearson's r and ``p_holm``; and ``reliability``, the share of the metric's variance that is
        more than the errors of its rows, where the table has these.

    Raises:
        StudyError: If there are fewer than three rows, or a metric is missing.
    """
    require_rows(frame)
    rows: dict[str, dict[str, float]] = {}
    for name in metric_columns(frame, metrics):
        known = complete(frame, [name, target])
        if len(known) < 3:
            rows[name] = {"n": float(len(known)), "clusters": 0.0}
            continue
        x, y = (known[side].to_numpy(np.float64) for side in (name, target))
        model = ClusterModel(np.ones((len(known), 1)), cluster_ids(known, cluster))
        linear, logs = model.correlate(x, y), model.correlate(log_magnitude(x), y)
        rank = model.correlate(stats.rankdata(x), stats.rankdata(y))
        rows[name] = (
            {"n": linear.n, "clusters": linear.clusters, "df": linear.df}
            | with_ends("pearson", linear)
            | with_ends("spearman", rank)
            | squared("r2", linear)
            | squared("r2_log", logs)
            | {"p": linear.p, "reliability": model.reliability(x, errors_of(known, name))}
        )
    keys = [f"{key}{end}" for key in ("pearson", "spearman", "r2", "r2_log") for end in ENDS]
    columns = ["n", "clusters", "df", *keys, "p", "reliability"]
    table = pd.DataFrame.from_dict(rows, orient="index").reindex(columns=columns).rename_axis("metric")
    table = table.astype({"n": int, "clusters": int})
    return table.assign(p_holm=holm(table["p"].to_numpy(np.float64)))


def require_rows(frame: pd.DataFrame) -> None:
    """Refuse a table in which any two quantities correlate perfectly."""
    if len(frame) < 3:
        raise StudyError(f"a correlation needs three rows and the results have {len(frame)}: run more cells.")


def complete(frame: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Take the rows in which all of the columns have a finite value."""
    known: pd.DataFrame = frame[np.isfinite(frame[list(names)].to_numpy(dtype=np.float64)).all(axis=1)]
    return known


def log_magnitude(x: Floats) -> Floats:
    """Take the log of ``|x|``, or NaN throughout where the sign changes and the log would mean nothing."""
    one_sign = bool((x > 0).all() or (x < 0).all())
    return np.log(np.abs(x)) if one_sign else np.full_like(x, np.nan)


def pearson(x: Floats, y: Floats, axis: int = -1) -> Floats:
    """Correlate along an axis; NaN where one side is constant."""
    x = x - x.mean(axis=axis, keepdims=True)
    y = y - y.mean(axis=axis, keepdims=True)
    scale = np.sqrt((x * x).sum(axis=axis) * (y * y).sum(axis=axis))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.clip((x * y).sum(axis=axis) / scale, -1.0, 1.0))


def spearman(x: Floats, y: Floats, axis: int = -1) -> Floats:
    """Correlate the ranks along an axis."""
    return pearson(stats.rankdata(x, axis=axis), stats.rankdata(y, axis=axis), axis=axis)


def with_ends(name: str, found: Estimate) -> dict[str, float]:
    """Put a correlation and the ends of its interval under a name."""
    return dict(zip((f"{name}{end}" for end in ENDS), (found.r, found.low, found.high), strict=True))


def squared(name: str, found: Estimate) -> dict[str, float]:
    """Carry a correlation and its interval over to R^2, which starts at 0 where the interval holds 0."""
    least = 0.0 if found.low <= 0 <= found.high else min(found.low**2, found.high**2)
    ends = (found.r**2, least, max(found.low**2, found.high**2))
    return dict(zip((f"{name}{end}" for end in ENDS), ends, strict=True))
