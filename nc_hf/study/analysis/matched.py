"""At matched loss: what a setting does to collapse, other text and calibration where it makes no model better or worse.

Each run is a curve through its saved states. Of it the falling part is kept: the states whose loss is below that of all
before them. Between two states a value is interpolated linearly in the loss, and nowhere beyond them. Two runs that
differ in one setting alone are compared at ``LEVELS`` losses spread evenly over the range that both passed through.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from nc_hf.study.analysis.columns import ARCHITECTURE, REPEATS, codes, labels, level_names, settings_of
from nc_hf.study.analysis.families import LEVEL, holm
from nc_hf.study.analysis.permutation import sign_flip_p, smallest_flip_p
from nc_hf.study.analysis.results import metric_columns
from nc_hf.study.analysis.trends import moves_with

Floats = NDArray[np.float64]
LEVELS = 5
"""Losses at which two runs are compared, from one end of what they share to the other."""
FEWEST_PAIRS = next(n for n in range(1, 20) if smallest_flip_p(n) <= LEVEL)
"""Pairs below which no test is made: all signs of five could not give a p below 1/16."""
FEWEST_STATES = 2
"""States on the falling part of a run that make it a curve."""
DRAWS = 1_000_000
ENDS = ("difference_low", "difference_high")

CONSEQUENCES = ("ood_loss", "ood_calibration_error", "val_calibration_error")
"""What a user has of a model beside its loss."""

TEXT = frozenset(("corpus", "validation_corpus", "measure_also", "tokenizer", "vocab_size", "packing", "block_size"))
"""Settings that change what a nat of loss means."""

TOGETHER = ("added_loss", "added_weight")
"""A setting and its strength: a loss with weight 0 is none, so the two are one."""


def matched(
    frame: pd.DataFrame,
    metrics: Sequence[str] | None = None,
    *,
    pairs: pd.DataFrame | None = None,
    permutations: int = DRAWS,
    seed: int = 0,
) -> pd.DataFrame:
    """Compare the levels of every setting at equal validation loss, paired by seed.

    Args:
        frame: A results table with several states a run.
        metrics: Names of metrics; None for all of the table's. ``CONSEQUENCES`` are added where the table has them.
        pairs: What ``matched_pairs`` found for these; None to find it.
        permutations: The most arrangements of signs to try; all are where they are no more.
        seed: Seed of the draws.

    Returns:
        One row per setting, level and quantity: ``setting``, ``level``, ``against``, ``metric``; ``pairs``, averaged as
        ``matched_pairs`` says; ``runs``, the pairs of runs in them; ``difference``, the mean of the level less the
        other, with ``difference_low`` and ``difference_high``, its 95 % interval by
        Student's t over the pairs; ``base``, the mean of the
        other; ``p`` (exact sign flips) and ``p_holm`` over all rows. Below ``FEWEST_PAIRS`` there is neither interval
        nor p.
    """
    pairs = matched_pairs(frame, metrics) if pairs is None else pairs
    key = ["setting", "level", "against", "metric"]
    lines = [
        dict(zip(key, names, strict=True)) | _difference(found, permutations, seed)
        for names, found in pairs.groupby(key, sort=False)
    ]
    result = pd.DataFrame(lines, columns=[*key, "pairs", "runs", "difference", *ENDS, "base", "p"])
    return result.assign(p_holm=holm(result["p"].to_numpy(np.float64)))


def matched_pairs(frame: pd.DataFrame, metrics: Sequence[str] | None = None) -> pd.DataFrame:
    """Pair the runs that differ in one setting alone, at the losses that both passed through.

    A pair is two runs equal in all settings and seeds but the one. Pairs of one architecture and seed share their
    initialisation, so they are averaged and count once. The level of a setting with the most runs is what the others
    are compared with.

    Args:
        frame: A results table with several states a run.
        metrics: Names of metrics, as ``matched`` takes them.

    Returns:
        One row per setting, level, quantity and such unit: ``setting``, ``level``, ``against``, ``metric``, ``unit``,
        ``runs`` in it, and the means ``one`` and ``base``.
    """
    names = [*metric_columns(frame, metrics), *(name for name in CONSEQUENCES if name in frame)]
    settings = settings_of(frame)
    numbered = frame.assign(run=codes(frame, settings))
    curves = {name: run_curves(numbered, name) for name in dict.fromkeys(names)}
    runs = numbered.drop_duplicates("run")
    tables = []
    for setting, parts in compared_settings(frame).items():
        others = [name for name in settings if name not in parts]
        table = pd.DataFrame(
            {"run": runs["run"].to_numpy(), "rest": codes(runs, others), "level": levels_of(runs, parts)}
        )
        table["unit"] = codes(runs, [name for name in others if name in (*ARCHITECTURE, *REPEATS)])
        base = _base(table["level"])
        for level in dict.fromkeys(table["level"]):
            pairs = table[table["level"] == level].merge(
                table[table["level"] == base], on="rest", suffixes=("", "_base")
            )
            if level == base or pairs.empty:
                continue
            for name, of in curves.items():
                found = _compare(pairs, of)
                tables.append(found.assign(setting=setting, level=level, against=base, metric=name))
    columns = ["setting", "level", "against", "metric", "unit", "runs", "one", "base"]
    filled = [table for table in tables if len(table)]
    return pd.concat(filled, ignore_index=True)[columns] if filled else pd.DataFrame(columns=columns)


def run_curves(numbered: pd.DataFrame, name: str) -> dict[int, tuple[Floats, Floats]]:
    """Take of every run the falling part of its loss (K,), ascending, and a column there (K,).

    Args:
        numbered: A results table with the number of each row's ``run``.
        name: The column.

    Returns:
        By run; one with fewer than ``FEWEST_STATES`` such states has no curve.
    """
    known = numbered[np.isfinite(numbered[["val_loss", name]].to_numpy(np.float64)).all(axis=1)]
    curves = {}
    for run, states in known.sort_values("trained_epochs").groupby("run"):
        loss, values = states["val_loss"].to_numpy(np.float64), states[name].to_numpy(np.float64)
        lowest = np.minimum.accumulate(loss)
        falling = np.concatenate([[True], loss[1:] < lowest[:-1]])
        if falling.sum() >= FEWEST_STATES:
            curves[int(str(run))] = (loss[falling][::-1], values[falling][::-1])
    return curves


def at_equal_loss(one: tuple[Floats, Floats], base: tuple[Floats, Floats]) -> tuple[float, float] | None:
    """Average two curves over the losses that both passed through; None where there are none."""
    low, high = max(one[0][0], base[0][0]), min(one[0][-1], base[0][-1])
    if low >= high:
        return None
    losses = np.linspace(low, high, LEVELS)
    return float(np.interp(losses, *one).mean()), float(np.interp(losses, *base).mean())


def compared_settings(frame: pd.DataFrame) -> dict[str, list[str]]:
    """List the settings whose levels can be compared, each with what its levels carry along."""
    found: dict[str, list[str]] = {}
    for name in settings_of(frame):
        taken = name in REPEATS or name in TEXT or any(name in parts for parts in found.values())
        if taken or len(set(labels(frame[name]))) < 2:
            continue
        parts = [name, *(each for each in TOGETHER if name in TOGETHER and each in frame and each != name)]
        found[name] = [*parts, *moves_with(frame, *parts)]
    return found


def levels_of(runs: pd.DataFrame, parts: Sequence[str]) -> list[str]:
    """Name the level of each run: of a loss that was added, with its weight."""
    names = labels(runs[parts[0]]).tolist()
    if set(TOGETHER) <= set(parts):
        kinds, weights = (labels(runs[name]).tolist() for name in TOGETHER)
        names = [
            kind if kind in ("none", "") else f"{kind} x {weight}" for kind, weight in zip(kinds, weights, strict=True)
        ]
    return [name or "-" for name in names]


def _base(level: pd.Series[str]) -> str:
    """Choose what the other levels are compared with: none, or that of the most runs, or the first of equals."""
    counts = level.value_counts()
    order = level_names(pd.Series(list(counts.index), dtype=object))
    if "none" in counts:
        return "none"
    return max(order, key=lambda name: (counts[name], -order.index(name)))


def _compare(pairs: pd.DataFrame, curves: dict[int, tuple[Floats, Floats]]) -> pd.DataFrame:
    """Compare every pair of runs that has curves which meet, and average what shares a seed."""
    found = []
    for run, base, unit in pairs[["run", "run_base", "unit"]].itertuples(index=False, name=None):
        both = at_equal_loss(curves[run], curves[base]) if run in curves and base in curves else None
        if both:
            found.append((unit, *both))
    units = pd.DataFrame(found, columns=["unit", "one", "base"]).groupby("unit")
    return units.mean().assign(runs=units.size()).reset_index()


def _difference(units: pd.DataFrame, permutations: int, seed: int) -> dict[str, float]:
    """Average the differences of units, with an interval, and test whether they have a sign."""
    differences = (units["one"] - units["base"]).to_numpy(np.float64)
    enough = len(units) >= FEWEST_PAIRS
    mean = float(differences.mean())
    half = stats.t.ppf(0.975, len(units) - 1) * differences.std(ddof=1) / np.sqrt(len(units)) if enough else np.nan
    return {
        "pairs": len(units),
        "runs": int(units["runs"].sum()),
        "difference": mean,
        ENDS[0]: mean - half,
        ENDS[1]: mean + half,
        "base": float(units["base"].mean()),
        "p": sign_flip_p(differences, permutations, seed) if enough and bool(differences.any()) else np.nan,
    }
