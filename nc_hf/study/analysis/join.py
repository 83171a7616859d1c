"""Several results tables as one: the same settings in all, and no state of a run twice."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from nc_hf.errors import StudyError
from nc_hf.study.analysis.columns import labels, level_names, settings_of
from nc_hf.study.analysis.results import read_results

IMPLIED: dict[str, object] = {
    "family": "gpt_neo",
    "tied": True,
    "head": "free",
    "added_loss": "none",
    "added_weight": 0.0,
    "label_smoothing": 0.0,
    "measure_also": None,
}
"""What tables have in common that were written before a setting could be chosen."""

SAME_AS = {"data_seed": "seed", "validation_corpus": "corpus"}
"""The column whose value such a setting had then."""

TOLD_BY = {"max_train_tokens": "train_tokens", "measure_train_tokens": "measured_tokens"}
"""A bound, and the size that came of it: where every table tells the size, the bound adds nothing."""


def read_tables(paths: Sequence[str | Path], ignore: Sequence[str] = ()) -> pd.DataFrame:
    """Read one or several results tables and join their rows.

    Args:
        paths: CSV files, as ``read_results`` takes them.
        ignore: Columns that are no settings, such as comments; they are dropped.

    Returns:
        All rows, numbered anew.

    Raises:
        StudyError: If a table cannot be read, lacks a setting that another has and that may matter, a column to ignore
            is in none of them, or two rows are the same state of one run.
    """
    tables = [read_results(path) for path in paths]
    unknown = [name for name in ignore if not any(name in table for table in tables)]
    if unknown:
        raise StudyError(f"there is no column {', '.join(unknown)} to ignore: name columns of the tables.")
    tables = [table.drop(columns=[name for name in ignore if name in table]) for table in tables]
    names = list(dict.fromkeys(name for table in tables for name in settings_of(table)))
    for name in names:
        tables = _with_setting(name, tables, paths)
    origin = [(path, line + 2) for path, table in zip(paths, tables, strict=True) for line in range(len(table))]
    whole = pd.concat([table.dropna(axis=1, how="all") for table in tables], ignore_index=True)
    for name in dict.fromkeys(name for table in tables for name in table.columns):
        if name not in whole:  # empty throughout: a metric may be, where it is undefined
            whole[name] = float("nan")
    _refuse_repetitions(whole, origin)
    return whole.copy()


def _with_setting(name: str, tables: list[pd.DataFrame], paths: Sequence[str | Path]) -> list[pd.DataFrame]:
    """Give every table a setting that some have, or refuse to guess."""
    lacking = [number for number, table in enumerate(tables) if name not in table]
    if not lacking:
        return tables
    size = TOLD_BY.get(name)
    if size and all(size in table for table in tables):
        return [table.drop(columns=name, errors="ignore") for table in tables]
    if all(table[name].isna().all() for table in tables if name in table):
        return [table.drop(columns=name, errors="ignore") for table in tables]
    other = SAME_AS.get(name)
    if name not in IMPLIED and not (other and all(other in tables[number] for number in lacking)):
        known = next(number for number, table in enumerate(tables) if name in table)
        levels = ", ".join(level_names(tables[known][name])[:4])
        raise StudyError(
            f"{paths[lacking[0]]} has no column {name}, and {paths[known]} has it ({levels}): add it with the value "
            f"that its models had, or leave it out of the analysis with --ignore {name} if it is no setting."
        )
    for number in lacking:
        table = tables[number]
        tables[number] = table.assign(**{name: table[other] if other else pd.Series([IMPLIED[name]] * len(table))})
    return tables


def _refuse_repetitions(whole: pd.DataFrame, origin: Sequence[tuple[str | Path, int]]) -> None:
    """Refuse two rows of the same settings and state: they would count as two observations."""
    key = pd.DataFrame({name: labels(whole[name]) for name in [*settings_of(whole), "saved_epoch"]})
    twice = key.duplicated().to_numpy()
    if twice.any():
        second = int(twice.argmax())
        first = int((key == key.iloc[second]).all(axis=1).to_numpy().argmax())
        (one, line), (other, other_line) = origin[first], origin[second]
        raise StudyError(
            f"line {line} of {one} and line {other_line} of {other} are the same state of one run: remove one of them, "
            "or add a column for the setting in which they differ."
        )
