"""How a metric moves along one setting while all the others stand still."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from nc_hf.study.analysis.clusters import Cluster, cluster_columns
from nc_hf.study.analysis.columns import (
    ARCHITECTURE,
    REPEATS,
    codes,
    decides,
    errors_of,
    labels,
    numbers_of,
    settings_of,
)
from nc_hf.study.analysis.correlation import spearman
from nc_hf.study.analysis.families import LEVEL, holm
from nc_hf.study.analysis.permutation import contributions_p, orders, sign_flip_p, smallest_flip_p
from nc_hf.study.analysis.results import metric_columns
from nc_hf.study.table import STATE

Floats = NDArray[np.float64]
TRAINING = "trained_epochs"
CLEAR = float(stats.norm.ppf(0.975))
"""Standard errors of a difference that it must exceed to be clear of the errors of its two ends."""
DRAWS = 20_000
"""Arrangements that a test along an axis tries at most."""

_FIRST = ("width", "depth", TRAINING, "weight_decay")


def axes_of(frame: pd.DataFrame) -> list[str]:
    """List the settings along which a trend can be looked for: numbers of which no earlier one decides the levels."""
    named = [name for name in dict.fromkeys((*_FIRST, *settings_of(frame))) if name in frame and name not in REPEATS]
    numeric = [name for name in named if (found := numbers_of(frame[name])) is not None and len(set(found)) > 1]
    return [
        name
        for place, name in enumerate(numeric)
        if not any(decides(frame, [other], [name]) and decides(frame, [name], [other]) for other in numeric[:place])
    ]


def moves_with(frame: pd.DataFrame, *axes: str) -> list[str]:
    """List the settings that one or several carry along: each combination of their levels has one level of those."""
    others = [name for name in settings_of(frame) if name not in (*REPEATS, *axes)]
    # Along the training axis the schedule (epochs) moves too, as in the published study: 1, 3, 6 of 10 and 10 epochs.
    schedule = ["epochs"] if TRAINING in axes and frame["epochs"].nunique() > 1 else []
    carried = [name for name in others if len(set(labels(frame[name]))) > 1 and decides(frame, axes, [name])]
    return list(dict.fromkeys([*schedule, *carried]))


@dataclass(frozen=True)
class Curve:
    """A column as a function of an axis, the other settings fixed.

    Attributes:
        values: By the levels of the axis, ascending.
        errors: Of the values, NaN where they are not known.
        unit: What shares models or seeds with it has the same number.
    """

    values: pd.Series[float]
    errors: Floats
    unit: int


def trends(
    frame: pd.DataFrame,
    metrics: Sequence[str] | None = None,
    *,
    axes: Sequence[str] | None = None,
    target: str = "val_loss",
    cluster: Cluster = "architecture",
    seed: int = 0,
) -> pd.DataFrame:
    """Count the groups in which a metric rises or falls along one axis, everything else fixed, and test that.

    A group's direction is the sign of its rank correlation with the axis ("rank sign"): a group of six widths counts as
    falling although one neighbouring pair is out of order. ``monotone`` counts the groups without any such pair.

    The test asks whether the mean rank correlation is more than chance. Groups of the same models are one unit: along
    width, all groups of one depth. Along a setting the levels of a unit are exchanged in every way; states of one run
    are not exchangeable, so along training the signs of the units are.

    Args:
        frame: A results table.
        metrics: Names of metrics; None for all of the table's. The target is always added.
        axes: Settings to move along; None for all that vary and are numbers.
        target: The outcome to count beside the metrics.
        cluster: By what groups go together.
        seed: Seed of the draws, where not every arrangement is tried.

    Returns:
        One row per metric and axis: ``groups``, ``units``; ``rising`` and ``falling``, shares by rank sign;
        ``monotone``, the share in strict order; ``clear_rising`` and ``clear_falling``, shares whose ends differ by
        more than ``CLEAR`` of their errors (NaN without errors); ``median_ratio``, the median over groups of the value
        at the largest setting over the value at the smallest; ``rho``, the mean rank correlation over units; ``p``, and
        ``p_holm`` over the rows of an axis. An axis on which no two rows compare is left out.

    Raises:
        StudyError: If a metric is missing.
    """
    rows = []
    for axis in axes_of(frame) if axes is None else axes:
        places = places_along(frame, axis, cluster)
        for name in dict.fromkeys([target, *metric_columns(frame, metrics)]):
            found = list(curves_along(frame, axis, name, places))
            if found:
                rows.append({"metric": name, "axis": axis, **_count(found), **_test(found, axis, seed)})
    columns = ["metric", "axis", "groups", "units", "rising", "falling", "monotone", "clear_rising", "clear_falling"]
    table = pd.DataFrame(rows, columns=[*columns, "median_ratio", "rho", "p"])
    adjusted = table.groupby("axis", sort=False)["p"].transform(lambda p: holm(p.to_numpy(np.float64)))
    return table.assign(p_holm=adjusted.astype(np.float64))


def _count(found: Sequence[Curve]) -> dict[str, float]:
    signs = np.array([rank_sign(curve.values) for curve in found])
    steps = [np.sign(np.diff(curve.values)) for curve in found]
    ends = np.array([curve.values.iloc[-1] - curve.values.iloc[0] for curve in found])
    errors = np.array([np.hypot(curve.errors[0], curve.errors[-1]) for curve in found])
    known = bool(np.isfinite(errors).all())
    clear = np.where(np.abs(ends) > CLEAR * errors, np.sign(ends), 0)
    return {
        "groups": len(found),
        "units": len({curve.unit for curve in found}),
        "rising": float(np.mean(signs > 0)),
        "falling": float(np.mean(signs < 0)),
        "monotone": float(np.mean([abs(step.sum()) == len(step) for step in steps])),
        "clear_rising": float(np.mean((clear > 0) & (signs > 0))) if known else np.nan,
        "clear_falling": float(np.mean((clear < 0) & (signs < 0))) if known else np.nan,
        "median_ratio": float(np.median([_ratio(curve.values.iloc[-1], curve.values.iloc[0]) for curve in found])),
    }


def _test(found: Sequence[Curve], axis: str, seed: int) -> dict[str, float]:
    """Test the mean over units of the mean rank correlation of their groups."""
    units: dict[int, list[pd.Series[float]]] = {}
    for curve in found:
        units.setdefault(curve.unit, []).append(curve.values)
    contributions = [_contributions(curves, seed) for curves in units.values()]
    real = np.array([float(each[0]) for each in contributions])
    smallest = smallest_flip_p(len(units)) if axis == TRAINING else 2 / np.prod([float(len(c)) for c in contributions])
    if smallest > LEVEL:
        p = float("nan")
    elif axis == TRAINING:
        p = sign_flip_p(real, DRAWS, seed)
    else:
        p = contributions_p(contributions, DRAWS, seed)
    return {"rho": float(real.mean()), "p": p}


def _contributions(curves: Sequence[pd.Series[float]], seed: int) -> Floats:
    """Return a unit's mean rank correlation under every order of its levels, the real one first."""
    levels = np.unique(np.concatenate([curve.index.to_numpy(np.float64) for curve in curves]))
    places = orders(len(levels), seed)
    total = np.zeros(len(places))
    for curve in curves:
        at = places[:, np.searchsorted(levels, curve.index.to_numpy(np.float64))]
        total += np.nan_to_num(_standard(at.argsort(axis=1).argsort(axis=1)) @ _standard(stats.rankdata(curve)))
    return total / len(curves)


def _standard(ranks: NDArray[Any]) -> Floats:
    """Centre ranks and bring them to length 1, NaN where all are tied: products are then correlations."""
    centred = ranks - ranks.mean(axis=-1, keepdims=True)
    with np.errstate(invalid="ignore"):
        return np.asarray(centred / np.sqrt((centred**2).sum(axis=-1, keepdims=True)))


def _ratio(last: float, first: float) -> float:
    """Last over first, NaN where a metric begins at 0, as a count of ties may."""
    return last / first if first else np.nan


def comparable_groups(frame: pd.DataFrame, axis: str, name: str) -> Iterator[pd.Series[float]]:
    """Yield, for each choice of the other settings, a column as a function of the axis, in ascending order."""
    return (curve.values for curve in curves_along(frame, axis, name, places_along(frame, axis)))


def places_along(frame: pd.DataFrame, axis: str, cluster: Cluster = "architecture") -> pd.DataFrame:
    """Say of every row in which ``group`` of the other settings it is, in which ``unit``, and at what ``level``."""
    carried = moves_with(frame, axis)
    fixed = [each for each in (*settings_of(frame), TRAINING) if each not in (axis, *carried)]
    shared = _shared(frame, axis, fixed, cluster)
    level = frame[axis].to_numpy(np.float64)
    return pd.DataFrame({"group": codes(frame, fixed), "unit": codes(frame, shared), "level": level}, index=frame.index)


def curves_along(frame: pd.DataFrame, axis: str, name: str, places: pd.DataFrame) -> Iterator[Curve]:
    """Yield, for each group, a column along the axis with its errors and its unit.

    Rows at the same point of the axis are averaged; a group with a single point tells nothing and is left out.

    Args:
        frame: A results table.
        axis: The setting to move along.
        name: The column.
        places: What ``places_along`` says of the same rows and axis.
    """
    errors, known = errors_of(frame, name), frame[name].notna().to_numpy()
    variance = np.nan if errors is None else errors**2
    rows = places.assign(value=frame[name].to_numpy(np.float64), variance=variance)[known]
    points = rows.groupby(["group", "level"], sort=True)
    values = points["value"].mean()
    deviations = np.sqrt(points["variance"].sum(min_count=1).to_numpy(np.float64)) / points.size().to_numpy(np.float64)
    units = points["unit"].first().to_numpy()
    groups, levels = (values.index.get_level_values(name).to_numpy() for name in ("group", "level"))
    for start, end in pairwise([*np.unique(groups, return_index=True)[1], len(groups)]):
        if end - start > 1:
            curve = pd.Series(values.to_numpy()[start:end], index=pd.Index(levels[start:end], name=axis), name=name)
            yield Curve(curve, deviations[start:end], int(units[start]))


def _shared(frame: pd.DataFrame, axis: str, fixed: Sequence[str], cluster: Cluster) -> list[str]:
    """List the fixed settings that tell units apart: what two groups must not share to be independent."""
    kept = cluster_columns(frame, cluster)
    if cluster == "architecture" and axis in ARCHITECTURE:
        kept = [name for name in kept if name != axis]
    return [name for name in fixed if name in kept and name not in STATE]


def rank_sign(curve: pd.Series[float]) -> float:
    """Say which way a curve goes: the sign of its rank correlation with the axis, NaN for a flat one."""
    axis, values = np.asarray(curve.index, dtype=np.float64), np.asarray(curve, dtype=np.float64)
    return float(np.sign(spearman(axis, values)))
