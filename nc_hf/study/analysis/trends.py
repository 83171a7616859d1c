"""How a metric moves along one setting while all the others stand still."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from nc_hf.study.analysis.correlation import spearman
from nc_hf.study.analysis.results import AXES, metric_columns

# Along the training axis the schedule (epochs) moves too, as in the published study: 1, 3, 6 of 10 and 10 epochs.
_FIXED = {
    "width": ("depth", "epochs", "trained_epochs", "weight_decay", "seed"),
    "depth": ("width", "epochs", "trained_epochs", "weight_decay", "seed"),
    "trained_epochs": ("width", "depth", "weight_decay", "seed"),
    "weight_decay": ("width", "depth", "epochs", "trained_epochs", "seed"),
}


def trends(
    frame: pd.DataFrame, metrics: Sequence[str] | None = None, *, axes: Sequence[str] = AXES, target: str = "val_loss"
) -> pd.DataFrame:
    """Count the groups in which a metric rises or falls along one axis, everything else fixed.

    A group's direction is the sign of its rank correlation with the axis ("rank sign"): a group of six widths counts as
    falling although one neighbouring pair is out of order. ``monotone`` counts the groups without any such pair.

    Args:
        frame: A results table.
        metrics: Names of metrics; None for all of the table's. The target is always added.
        axes: Settings to move along.
        target: The outcome to count beside the metrics.

    Returns:
        One row per metric and axis: ``groups``; ``rising`` and ``falling``, shares by rank sign; ``monotone``, the
        share in strict order; ``median_ratio``, the median over groups of the value at the largest setting over the
        value at the smallest. An axis on which no two rows compare is left out.

    Raises:
        StudyError: If a metric is missing.
    """
    rows = []
    for axis in axes:
        for name in [target, *metric_columns(frame, metrics)]:
            groups = list(comparable_groups(frame, axis, name))
            if not groups:
                continue
            signs = np.array([rank_sign(group) for group in groups])
            steps = [np.sign(np.diff(group)) for group in groups]
            rows.append(
                {
                    "metric": name,
                    "axis": axis,
                    "groups": len(groups),
                    "rising": float(np.mean(signs > 0)),
                    "falling": float(np.mean(signs < 0)),
                    "monotone": float(np.mean([abs(step.sum()) == len(step) for step in steps])),
                    "median_ratio": float(np.median([_ratio(group.iloc[-1], group.iloc[0]) for group in groups])),
                }
            )
    columns = ["metric", "axis", "groups", "rising", "falling", "monotone", "median_ratio"]
    return pd.DataFrame(rows, columns=columns)


def _ratio(last: float, first: float) -> float:
    """Last over first, NaN where a metric begins at 0, as a count of ties may."""
    return last / first if first else np.nan


def comparable_groups(frame: pd.DataFrame, axis: str, name: str) -> Iterator[pd.Series[float]]:
    """Yield, for every choice of the other settings, a column as a function of the axis, in ascending order.

    Rows at the same point of the axis are averaged; a group with a single point tells nothing and is left out.
    """
    known = frame[frame[name].notna()]
    table = known.groupby([*_FIXED[axis], axis], dropna=False)[name].mean().unstack(axis).sort_index(axis=1)
    for _, row in table.iterrows():
        curve = row.dropna()
        if len(curve) > 1:
            yield curve


def rank_sign(curve: pd.Series[float]) -> float:
    """Say which way a curve goes: the sign of its rank correlation with the axis, NaN for a flat one."""
    axis, values = np.asarray(curve.index, dtype=np.float64), np.asarray(curve, dtype=np.float64)
    return float(np.sign(spearman(axis, values)))
