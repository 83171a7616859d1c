"""A user's own cells beside the published models of their size, training length, state and weight decay."""

from __future__ import annotations

import numpy as np
import pandas as pd

from nc_hf.errors import StudyError
from nc_hf.study.analysis.published import SETUP, TABLE_1
from nc_hf.study.analysis.seeds import seed_cell, seed_spread
from nc_hf.study.settings import batch_of
from nc_hf.study.table import OUTCOMES

CELL = ("width", "depth", "epochs", "weight_decay", "saved_epoch")
"""What a published id tells of a model but its seed."""

COMPARED = (*OUTCOMES, *TABLE_1, "nc1_cdnv_scale_free")
"""What is defined alike on both sides, where every class counts (as in the preset ``paper``)."""

WITHIN = 2.0
"""Spreads that a repetition from another seed stays within about 19 times in 20."""


def compare(results: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """Set each row of a study against the published model, or models, of its ``CELL``.

    What else decides the numbers is not looked at: ``setup_note`` says how it differs.

    The tolerance is the seed spread of the one architecture that was published from 21 seeds, as a share of the value:
    a difference within it is what another seed alone would do.

    Args:
        results: A results table.
        published: What ``load_published`` returned.

    Returns:
        One row per row of ``results`` that has a counterpart and per quantity of ``COMPARED``: the settings with
        ``seed``, ``metric``, ``value``, ``published`` (the mean where there are several), ``models`` (how many),
        ``ratio``, ``tolerance`` (coefficient of variation among seeds), ``deviation`` (the difference in standard
        deviations that seeds would give it) and ``within`` (at most two of them).

    Raises:
        StudyError: If no row has the ``CELL`` of a published model, or no quantity can be compared.
    """
    names = [name for name in COMPARED if name in results and name in published]
    if not set(names) - set(OUTCOMES):
        raise StudyError("the results hold no metric that was published: measure with the preset paper or full.")
    tolerance = seed_spread(seed_cell(published))["cov"]
    cells = {settings_key(row): rows for row, rows in published.groupby(list(CELL))}
    lines = []
    for _, row in results.iterrows():
        twins = cells.get(cell_key(row))
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
        raise StudyError(
            f"no row has the size, training and weight decay of a published model: {published_grid(published)}."
        )
    return pd.DataFrame(lines)


def setup_note(results: pd.DataFrame, published: pd.DataFrame) -> str:
    """Say in one line which other settings of the compared rows differ from the published ones, or are not known.

    Args:
        results: A results table; a column that it lacks, and an empty field, is unknown.
        published: What ``load_published`` returned.
    """
    cells = {settings_key(row) for row, _ in published.groupby(list(CELL))}
    rows = [row for _, row in results.iterrows() if cell_key(row) in cells]
    differing, unknown = [], []
    for name, setup in SETUP.items():
        pairs = [(row.get(name), published_setting(setup, row)) for row in rows]
        others = [(plain(own), plain(theirs)) for own, theirs in pairs if pd.notna(own) and plain(own) != plain(theirs)]
        if others:
            owns, expected = (", ".join(dict.fromkeys(values)) for values in zip(*others, strict=True))
            differing.append(f"{name} {owns} (published: {expected})")
        if any(pd.isna(own) for own, _ in pairs):
            unknown.append(name)
    said = [
        *([f"Not as published: {'; '.join(differing)}."] if differing else []),
        *([f"Unknown, since the table does not tell: {', '.join(unknown)}."] if unknown else []),
    ]
    return " ".join(said) or "Every other setting is as published."


def published_setting(setup: object, row: pd.Series[float]) -> object:
    """Return a setting of the published model of a row's size."""
    return batch_of(setup, int(row["width"]), int(row["depth"])) if isinstance(setup, dict) else setup


def plain(value: object) -> str:
    """Write a setting the same way however a CSV wrote it.

    >>> plain("5e-05"), plain(50257.0), plain("tinystories")
    ('5e-05', '50,257', 'tinystories')
    """
    try:
        number = float(str(value))
    except ValueError:
        return str(value)
    return f"{int(number):,}" if number.is_integer() else f"{number:g}"


def cell_key(row: pd.Series[float]) -> tuple[str, ...]:
    """Return what a row has in common with its published model."""
    return settings_key(tuple(row[name] for name in CELL))


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
