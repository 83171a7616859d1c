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

from nc_hf.study.analysis.analyze import Analysis
from nc_hf.study.analysis.families import LEVEL
from nc_hf.study.analysis.sensitivity import MODELS

GROUP = "group"
"""In place of a format: equal values stand once, over their rows."""

WIDEST = 10_000
"""Characters a line where there is no terminal: more than any table has."""

Columns = Mapping[str, tuple[str, str]]
"""Column of a frame -> its heading and the format of its values, or ``GROUP``."""

CORRELATIONS: Columns = {
    "metric": ("metric", ""),
    "n": ("n", "d"),
    "clusters": ("clusters", "d"),
    "df": ("df", ".1f"),
    "pearson": ("Pearson", "+.3f"),
    "p_holm": ("Holm", ".2g"),
    "spearman": ("Spearman", "+.3f"),
    "r2": ("R²", ".3f"),
    "r2_log": ("R² (log)", ".3f"),
    "reliability": ("reliability", ".3f"),
}
PARTIAL: Columns = {
    "metric": ("metric", ""),
    "n": ("n", "d"),
    "clusters": ("clusters", "d"),
    "partial_df": ("df", ".1f"),
    "partial": ("partial r", "+.3f"),
    "partial_p_holm": ("Holm", ".2g"),
    "partial_log": ("partial r (log)", "+.3f"),
    "partial_log_p_holm": ("Holm", ".2g"),
    "reliability": ("reliability", ".3f"),
}
EVIDENCE: Columns = {
    "metric": ("metric", ""),
    "evidence": ("evidence", ""),
    "n": ("n", "d"),
    "clusters": ("clusters", "d"),
    "df": ("df", ".1f"),
    "partial": ("partial r", "+.3f"),
    "p_holm": ("Holm", ".2g"),
}
SENSITIVITY: Columns = {
    "metric": ("metric", ""),
    **{f"{model}_shown": (model, "") for model in MODELS},
    "agree": ("agree", ""),
}
HELD_OUT: Columns = {
    "from": ("from", ""),
    "n": ("n", "d"),
    "clusters": ("architectures", "d"),
    "columns": ("columns", "d"),
    "r2": ("R² left out", ".3f"),
    "gain": ("gain", "+.3f"),
    "p_holm": ("Holm", ".2g"),
}
TRENDS: Columns = {
    "axis": ("along", GROUP),
    "metric": ("metric", ""),
    "groups": ("groups", "d"),
    "units": ("units", "d"),
    "rising": ("rising", ".0%"),
    "falling": ("falling", ".0%"),
    "clear": ("clear of errors", ".0%"),
    "monotone": ("strictly", ".0%"),
    "median_ratio": ("largest / smallest", ".4g"),
    "rho": ("mean rank r", "+.2f"),
    "p_holm": ("Holm", ".2g"),
}
MATCHED: Columns = {
    "contrast": ("at equal loss", GROUP),
    "metric": ("quantity", ""),
    "pairs": ("pairs", "d"),
    "base": ("against", ".4g"),
    "difference": ("difference", "+.3g"),
    "p_holm": ("Holm", ".2g"),
}
SEEDS: Columns = {
    "metric": ("metric", ""),
    "n": ("seeds", "d"),
    "r2": ("R²", ".6f"),
    "p": ("p", ".2g"),
    "p_holm": ("Holm", ".2g"),
    "p_bh": ("Benjamini-Hochberg", ".2g"),
    "exact": ("exact", ""),
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
ALL_MODELS: Columns = {
    name: CORRELATIONS[name] for name in ("metric", "n", "clusters", "df", "pearson", "p_holm", "r2", "r2_log")
}


def of_analysis(found: Analysis) -> dict[str, tuple[str, pd.DataFrame, Columns]]:
    """List the tables of an analysis that have a row, by name: title, rows, columns."""
    shown = {
        "correlations": ("With validation loss, over all rows", found.correlations, CORRELATIONS),
        "partial": ("Beyond the settings", found.partial, PARTIAL),
        "evidence": ("Beyond the settings, without the circle", found.evidence, EVIDENCE),
        "sensitivity": (
            "Beyond the settings, under other models (* below .05 after Holm)",
            sensitivity_rows(found.sensitivity),
            SENSITIVITY,
        ),
        "held_out": ("The loss of architectures left out", found.held_out, HELD_OUT),
        "trends": ("Along one setting, the others fixed", trend_rows(found.trends), TRENDS),
        "matched": ("At equal loss, paired by seed", matched_rows(found.matched), MATCHED),
    }
    if found.seeds:
        shown["seeds"] = ("Among seeds of one cell", found.seeds.test[found.seeds.test["p"].notna()], SEEDS)
        shown["spread"] = ("Spread among these seeds", found.seeds.spread, SPREAD)
    return {key: each for key, each in shown.items() if len(each[1])}


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


def trend_rows(trends: pd.DataFrame) -> pd.DataFrame:
    """Add to the rows of ``trends`` the share of groups that are clear of errors, either way."""
    return trends.assign(clear=trends["clear_rising"] + trends["clear_falling"])


def sensitivity_rows(sensitivity: pd.DataFrame) -> pd.DataFrame:
    """Add to the rows of ``sensitivity`` each r as it is shown: starred where it is below .05 after Holm."""
    shown = {
        f"{model}_shown": [
            "-" if pd.isna(r) else f"{r:+.2f}{'*' if p < LEVEL else ''}"
            for r, p in zip(sensitivity[model], sensitivity[f"{model}_holm"], strict=True)
        ]
        for model in MODELS
    }
    return sensitivity.assign(**shown)


def matched_rows(matched: pd.DataFrame) -> pd.DataFrame:
    """Name the contrast of each row of ``matched``."""
    contrast = [f"{row.setting}: {row.level} less {row.against}" for row in matched.itertuples()]
    return matched.assign(contrast=contrast)


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
