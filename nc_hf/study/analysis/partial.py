"""What is left of a correlation with validation loss beyond the settings.

A correlation over a grid mixes two questions. Larger models have lower loss and other geometry, so almost everything
correlates with everything; a partial correlation asks what remains once each setting has been given its own mean.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from nc_hf.study.analysis.correlation import ENDS, LEVEL, Floats, log_magnitude, pearson, require_rows
from nc_hf.study.analysis.results import AXES, metric_columns


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
