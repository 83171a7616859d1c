"""A study's tables for the terminal and for JSON."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

GROUP = "group"
"""In place of a format: equal values stand once, over their rows."""

WIDEST = 10_000
"""Characters a line where there is no terminal: more than any table has."""

Columns = Mapping[str, tuple[str, str]]
"""Column of a frame -> its heading and the format of its values, or ``GROUP``."""

CORRELATIONS: Columns = {
    "metric": ("metric", ""),
    "n": ("n", "d"),
    "pearson": ("Pearson", "+.3f"),
    "spearman": ("Spearman", "+.3f"),
    "r2": ("R²", ".3f"),
    "r2_log": ("R² (log)", ".3f"),
}
PARTIAL: Columns = {
    "metric": ("metric", ""),
    "df": ("df", "d"),
    "partial": ("partial r", "+.3f"),
    "partial_p": ("p", ".2g"),
    "partial_log": ("partial r (log)", "+.3f"),
    "partial_log_p": ("p (log)", ".2g"),
}
TRENDS: Columns = {
    "axis": ("along", ""),
    "metric": ("metric", ""),
    "groups": ("groups", "d"),
    "rising": ("rising", ".0%"),
    "falling": ("falling", ".0%"),
    "monotone": ("strictly", ".0%"),
    "median_ratio": ("largest / smallest", ".4g"),
}
SEEDS: Columns = {
    "metric": ("metric", ""),
    "n": ("seeds", "d"),
    "r2": ("R²", ".6f"),
    "p": ("p", ".2g"),
    "exact": ("exact", ""),
    "p_holm": ("Holm", ".2g"),
    "p_bh": ("Benjamini-Hochberg", ".2g"),
}
SPREAD: Columns = {
    "metric": ("quantity", ""),
    "n": ("seeds", "d"),
    "mean": ("mean", ".5g"),
    "std": ("std", ".2g"),
    "cov": ("std / mean", ".1%"),
}
COMPARISON: Columns = {
    "cell": ("cell", GROUP),
    "metric": ("quantity", ""),
    "value": ("yours", ".5g"),
    "published": ("published", ".5g"),
    "ratio": ("ratio", ".3f"),
    "tolerance": ("seed spread", ".1%"),
    "deviation": ("deviation", "+.1f"),
    "within": ("within", ""),
}
CLAIMS: Columns = {"statement": ("claim", ""), "found": ("found", ""), "holds": ("holds", "")}
ALL_MODELS: Columns = {name: CORRELATIONS[name] for name in ("metric", "n", "pearson", "r2", "r2_log")}


def to_table(title: str, frame: pd.DataFrame, columns: Columns) -> Table:
    """Show a frame, with the interval of a value behind it where the frame has one."""
    table = Table(title=title, title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0))
    own = {name: column for name, column in columns.items() if column[1] != GROUP}
    for name, (heading, form) in own.items():
        table.add_column(heading, justify="right" if form else "left", overflow="fold", no_wrap=name == "metric")
    group = next((name for name in columns if name not in own), None)
    headed = None
    for row in plain_rows(frame).to_dict("records"):
        first, *others = (show(row, str(name), form) for name, (_, form) in own.items())
        if group is not None and row[group] != headed:
            headed = row[group]
            table.add_row(Text(str(headed), style="bold"))
        table.add_row(first if group is None else f"  {first}", *others)
    return table


def to_text(table: Table) -> str:
    """Write a table as wide as it is, for a file or a pipe."""
    text = io.StringIO()
    Console(file=text, width=WIDEST, color_system=None).print(table)
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines())


def show(row: Mapping[Any, Any], name: str, form: str) -> str:
    """Format one value and its interval; a hyphen where there is none."""
    value = row[name]
    if isinstance(value, bool):
        return "yes" if value else "no"
    if pd.isna(value):
        return "-"
    if not form:
        return str(value)
    low, high = (row.get(f"{name}{end}") for end in ("_low", "_high"))
    return f"{value:{form}}" if pd.isna(low) else f"{value:{form}} [{low:{form}}, {high:{form}}]"


def to_records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Turn a frame into what JSON can say: plain numbers, and null for NaN."""
    records: list[dict[str, Any]] = json.loads(plain_rows(frame).to_json(orient="records", double_precision=15))
    return records


def plain_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """Make the metric a column where it is the index."""
    return frame.reset_index() if frame.index.name == "metric" else frame


def cell_names(frame: pd.DataFrame) -> list[str]:
    """Name cells in a line each, like the published ids: depth x width, epochs @ saved epoch, decay, seed."""
    names = []
    for row in frame.to_dict("records"):
        state = f"{row['epochs']:g}@{row['saved_epoch']:g}"
        seed = "" if pd.isna(row["seed"]) else f", seed {row['seed']:g}"
        names.append(f"{row['depth']:g} x {row['width']:g}, {state}, decay {row['weight_decay']:g}{seed}")
    return names
