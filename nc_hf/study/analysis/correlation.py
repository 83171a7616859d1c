"""How each metric goes with validation loss: Pearson, Spearman and R^2, and what is left of it beyond the settings.

A correlation over a grid mixes two questions. Larger models have lower loss and other geometry, so almost everything
correlates with everything; a partial correlation asks what remains once each setting has been given its own mean.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from nc_hf.errors import StudyError
from nc_hf.study.analysis.results import AXES, metric_columns

Floats = NDArray[np.float64]
LEVEL = 0.95
ENDS = ("", "_low", "_high")
FEWEST_FOR_INTERVAL = 8
"""With fewer rows, some resamples repeat a single row, and the interval would depend on the luck of the draw."""


def correlations(
    frame: pd.DataFrame,
    metrics: Sequence[str] | None = None,
    *,
    target: str = "val_loss",
    resamples: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """Correlate each metric with validation loss.

    Args:
        frame: A results table; a row without the metric is left out of that metric alone.
        metrics: Names of metrics; None for all of the table's.
        target: What to correlate with.
        resamples: Bootstrap resamples of rows; 0 gives no intervals.
        seed: Seed of the bootstrap.

    Returns:
        One row per metric: ``n``; ``pearson``, ``spearman``, ``r2`` (linear) and ``r2_log`` (on the log of the metric's
        magnitude, missing where its sign changes); each with its 95 % interval as ``_low`` and ``_high``.

    Raises:
        StudyError: If there are fewer than three rows, or a metric is missing.
    """
    require_rows(frame)
    rows = {}
    for name in metric_columns(frame, metrics):
        x, y = complete(frame, name, target)
        rng = np.random.default_rng(seed)  # the same resamples for every metric, so that metrics compare
        linear = with_interval(pearson, x, y, resamples, rng)
        rank = with_interval(spearman, x, y, resamples, rng)
        logs = with_interval(pearson, log_magnitude(x), y, resamples, rng)
        columns = {"pearson": linear, "spearman": rank, "r2": squared(linear), "r2_log": squared(logs)}
        rows[name] = {"n": len(x)} | {
            f"{key}{end}": value for key, values in columns.items() for end, value in zip(ENDS, values, strict=True)
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("metric")


def partial_correlations(
    frame: pd.DataFrame,
    metrics: Sequence[str] | None = None,
    *,
    target: str = "val_loss",
    controls: Sequence[str] = AXES,
) -> pd.DataFrame:
    """Correlate each metric with validation loss after width, depth, epochs and weight decay are taken out.

    Every setting is taken out as a factor, one mean per level, so that no shape of its effect is assumed. The interval
    is Fisher's, with the degrees of freedom that the settings leave.

    Args:
        frame: A results table.
        metrics: Names of metrics; None for all of the table's.
        target: What to correlate with.
        controls: The settings to take out.

    Returns:
        One row per metric: ``n``, ``df``, ``partial`` (linear), ``partial_log`` (on the log of the metric's magnitude),
        each with ``_low``, ``_high`` and ``_p`` (two-sided t test). NaN where the settings leave no freedom.

    Raises:
        StudyError: If there are fewer than three rows, or a metric is missing.
    """
    require_rows(frame)
    rows = {}
    for name in metric_columns(frame, metrics):
        kept = frame[np.isfinite(frame[[name, target]].to_numpy(dtype=np.float64)).all(axis=1)]
        x, y = kept[name].to_numpy(np.float64), kept[target].to_numpy(np.float64)
        design = factor_design(kept, controls)
        freedom = len(kept) - 1 - int(np.linalg.matrix_rank(design))
        plain = partial(x, y, design, freedom)
        logs = partial(log_magnitude(x), y, design, freedom)
        rows[name] = {"n": len(kept), "df": freedom} | {
            f"{key}{end}": value
            for key, values in {"partial": plain, "partial_log": logs}.items()
            for end, value in zip((*ENDS, "_p"), values, strict=True)
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("metric")


def require_rows(frame: pd.DataFrame) -> None:
    """Refuse a table in which any two quantities correlate perfectly."""
    if len(frame) < 3:
        raise StudyError(f"a correlation needs three rows and the results have {len(frame)}: run more cells.")


def complete(frame: pd.DataFrame, name: str, target: str) -> tuple[Floats, Floats]:
    """Take the rows in which both columns have a finite value."""
    pair = frame[[name, target]].to_numpy(dtype=np.float64)
    x, y = pair[np.isfinite(pair).all(axis=1)].T
    return x, y


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


def with_interval(
    statistic: Callable[..., Floats], x: Floats, y: Floats, resamples: int, rng: np.random.Generator
) -> tuple[float, float, float]:
    """Compute a correlation and its BCa bootstrap interval over pairs.

    BCa corrects the percentile interval for the skew of a correlation's sampling law. Where it is undefined (a
    constant side, a perfect correlation, fewer than eight rows), the ends are NaN rather than a guess.
    """
    nan = float("nan")
    if len(x) < 3 or not np.isfinite(x).all():
        return nan, nan, nan
    value = float(statistic(x, y))
    if not resamples or len(x) < FEWEST_FOR_INTERVAL or not np.isfinite(value):
        return value, nan, nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of degenerate resamples; they show as NaN ends
        ends = stats.bootstrap(
            (x, y), statistic, paired=True, vectorized=True, n_resamples=resamples, confidence_level=LEVEL, rng=rng
        ).confidence_interval
    return value, float(ends.low), float(ends.high)


def squared(interval: tuple[float, float, float]) -> tuple[float, float, float]:
    """Carry a correlation and its interval over to R^2, which starts at 0 where the interval holds 0."""
    value, low, high = interval
    least = 0.0 if low <= 0 <= high else min(low**2, high**2)
    return value**2, least, max(low**2, high**2)


def factor_design(frame: pd.DataFrame, controls: Sequence[str]) -> Floats:
    """Build the design (N, 1 + levels): a constant, and an indicator for every level of every control but its first."""
    columns = [np.ones(len(frame))]
    for control in controls:
        values = frame[control].to_numpy()
        columns += [(values == level).astype(np.float64) for level in np.unique(values)[1:]]
    return np.stack(columns, axis=1)


def residual(side: Floats, design: Floats) -> Floats:
    """Take out what the design explains; exactly 0 where it explains everything but rounding."""
    rest = np.asarray(side - design @ np.linalg.lstsq(design, side, rcond=None)[0])
    return rest if np.abs(rest).max() > 1e-10 * np.abs(side).max() else np.zeros_like(rest)


def partial(x: Floats, y: Floats, design: Floats, freedom: int) -> tuple[float, float, float, float]:
    """Correlate what the design does not explain; returns r, its interval and its p."""
    nan = float("nan")
    if freedom < 1 or not np.isfinite(x).all():
        return nan, nan, nan, nan
    rest_x, rest_y = residual(x, design), residual(y, design)
    r = float(pearson(rest_x, rest_y))
    if not np.isfinite(r):
        return nan, nan, nan, nan
    spread = stats.norm.ppf((1 + LEVEL) / 2) / np.sqrt(freedom - 1) if freedom > 1 else np.inf
    low, high = np.tanh(np.arctanh(np.clip(r, -1 + 1e-15, 1 - 1e-15)) + np.array([-spread, spread]))
    t = r * np.sqrt(freedom / max(1 - r * r, 1e-15))  # a perfect correlation is known to rounding
    return r, float(low), float(high), float(2 * stats.t.sf(abs(t), freedom))
