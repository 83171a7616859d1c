"""A user's own cells beside the published models of the same settings."""

from __future__ import annotations

import numpy as np
import pandas as pd

from nc_hf.errors import StudyError
from nc_hf.study.published import TABLE_1
from nc_hf.study.results import CELL, OUTCOMES
from nc_hf.study.seeds import seed_cell, seed_spread

COMPARED = (*OUTCOMES, *TABLE_1, "nc1_cdnv_scale_free")
"""What is defined alike on both sides: the preset ``paper`` counts every class, as the published analysis did."""

WITHIN = 2.0
"""Spreads that a repetition from another seed stays within about 19 times in 20."""


def compare(results: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """Set each row of a study against the published model, or models, of its settings.

    The tolerance is the seed spread of the one architecture that was published from 21 seeds, as a share of the value:
    a difference within it is what another seed alone would do.

    Args:
        results: A results table whose metrics count every class (``min_count`` 1), as the preset ``paper`` does.
        published: What ``load_published`` returned.

    Returns:
        One row per row of ``results`` that has a counterpart and per quantity of ``COMPARED``: the settings with
        ``seed``, ``metric``, ``value``, ``published`` (the mean where there are several), ``models`` (how many),
        ``ratio``, ``tolerance`` (coefficient of variation among seeds), ``deviation`` (the difference in standard
        deviations that seeds would give it) and ``within`` (at most two of them).

    Raises:
        StudyError: If no row has the settings of a published model, or no quantity can be compared.
    """
    names = [name for name in COMPARED if name in results and name in published]
    if not set(names) - set(OUTCOMES):
        raise StudyError("the results hold no metric that was published: measure with the preset paper or full.")
    tolerance = seed_spread(seed_cell(published))["cov"]
    cells = {settings_key(row): rows for row, rows in published.groupby(list(CELL))}
    lines = []
    for _, row in results.iterrows():
        twins = cells.get(settings_key(tuple(row[name] for name in CELL)))
        if twins is None:
            continue
        for name in (name for name in names if pd.notna(row[name])):
            expected = float(twins[name].mean())
            scale = tolerance[name] * abs(expected) * np.sqrt(1 + 1 / len(twins))
            difference = float(row[name]) - expected
            lines.append(
                {
                    **{setting: row[setting] for setting in (*CELL, "seed")},
                    "metric": name,
                    "value": float(row[name]),
                    "published": expected,
                    "models": len(twins),
                    "ratio": float(row[name]) / expected,
                    "tolerance": float(tolerance[name]),
                    "deviation": difference / scale if scale else float("nan"),
                    "within": bool(abs(difference) <= WITHIN * scale),
                }
            )
    if not lines:
        raise StudyError(f"no row has the settings of a published model: {published_grid(published)}.")
    return pd.DataFrame(lines)


def settings_key(values: tuple[object, ...]) -> tuple[str, ...]:
    """Make settings comparable however a CSV wrote them: 5e-4 is 0.0005, 64.0 is 64."""
    return tuple(f"{float(str(value)):g}" for value in values)


def published_grid(published: pd.DataFrame) -> str:
    """Say which settings were published."""
    levels = {
        name: ", ".join(f"{level:g}" for level in sorted(published[name].unique()))
        for name in ("width", "depth", "weight_decay")
    }
    states = sorted(set(published[["epochs", "saved_epoch"]].itertuples(index=False, name=None)))
    saved = ", ".join(f"{epochs}@{epoch}" for epochs, epoch in states)
    return (
        f"choose width from {levels['width']}, depth from {levels['depth']}, weight_decay from "
        f"{levels['weight_decay']} and epochs@saved_epoch from {saved}"
    )
