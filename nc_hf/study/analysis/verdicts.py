"""What an analysis says in sentences, each as strong as its test and no stronger.

A direction is given axis by axis, with the groups that show it. What was not tested, or is not below .05 after all
tests of its family are counted, is said to be so; what is mostly the error of its own measurement is not judged.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from nc_hf.study.analysis.families import LEVEL
from nc_hf.study.analysis.permutation import smallest_flip_p, smallest_pairing_p

LEAST_RELIABLE = 0.5
"""Share of what the settings leave of a metric that must be more than error, or its correlation is not judged."""

_AXIS = {"trained_epochs": "training", "weight_decay": "weight decay"}


def axis_verdicts(trends: pd.DataFrame, metrics: Sequence[str]) -> list[str]:
    """Say, axis by axis, which metrics rise or fall in every group, which in most, and which have no stable sign.

    What is said of all groups is a count; "established" is what is below .05 after Holm over the axis.
    """
    said = []
    for axis, rows in trends[trends["metric"].isin(metrics)].groupby("axis", sort=False):
        groups, units = (int(rows[name].max()) for name in ("groups", "units"))
        name = _AXIS.get(str(axis), str(axis))
        if groups == 1:
            said.append(f"Along {name} there is one group: nothing is said.")
            continue
        kinds: dict[str, list[str]] = {}
        for _, row in rows.iterrows():
            kind, shown = direction(row)
            kinds.setdefault(kind, []).append(shown)
        parts = "; ".join(f"{kind}: {', '.join(kinds[kind])}" for kind in sorted(kinds, key=_rank))
        said.append(f"Along {name} ({groups} groups, {units} independent), {parts}.")
    return said


def _rank(kind: str) -> tuple[bool, bool, str]:
    return kind == _NO_SIGN, "not" in kind, kind


_NO_SIGN = "no stable sign"


def direction(row: pd.Series[float]) -> tuple[str, str]:
    """Say which way a metric goes along an axis, by its row of ``trends``: a kind of statement, and name and counts."""
    groups, name = int(row["groups"]), str(row["metric"])
    established = "established" if row["p_holm"] < LEVEL else "not established"
    counts = {"rising": round(row["rising"] * groups), "falling": round(row["falling"] * groups)}
    if not any(counts.values()):
        return "flat", name
    for way, count in counts.items():
        clear = round(row[f"clear_{way}"] * groups) if np.isfinite(row[f"clear_{way}"]) else groups
        beyond = f"clear of errors in {clear}"
        if count == groups:
            return f"{way} in every group, {established}", name if clear == groups else f"{name} ({beyond})"
        if count > groups / 2 and row["p_holm"] < LEVEL:
            return (
                f"{way} in most groups, {established}",
                f"{name} (in {count}{f', {beyond}' if clear < count else ''})",
            )
    return _NO_SIGN, f"{name} ({counts['rising']} rise, {counts['falling']} fall)"


def beyond_verdicts(partial: pd.DataFrame, agree: pd.Series[bool]) -> list[str]:
    """Say which metrics go with the loss beyond the settings, of which that is not shown, and which have no answer."""
    kinds: dict[str, list[str]] = {}
    for name, row in partial.iterrows():
        kind, shown = beyond(row, agree[str(name)])
        kinds.setdefault(kind, []).append(f"{name}{shown}")
    order = (_GOES, _SOME, _NOT_SHOWN, _ERROR, _TOO_FEW, _NOTHING)
    return [f"Beyond the settings, {kind}: {'; '.join(kinds[kind])}." for kind in order if kind in kinds]


_GOES = "going with the loss under every model tried"
_SOME = "going with the loss under some models and not under others"
_NOT_SHOWN = "not shown to go with the loss"
_ERROR = "no answer, since half or more of what is left may be error of measurement"
_TOO_FEW = "too few rows or clusters for an answer"
_NOTHING = "nothing of it or of the loss is left"


def beyond(row: pd.Series[float], agree: object) -> tuple[str, str]:
    """Say what is left of a metric's tie to the loss beyond the settings: a row of ``partial_correlations``."""
    if not np.isfinite(row["partial"]):
        return _NOTHING, ""
    if not np.isfinite(row["partial_p"]):
        return _TOO_FEW, ""
    if row["reliability"] < LEAST_RELIABLE:
        return _ERROR, f" ({1 - row['reliability']:.0%})"
    shown = f"{row['partial']:+.2f} [{row['partial_low']:+.2f}, {row['partial_high']:+.2f}]"
    if row["partial_p_holm"] >= LEVEL:
        return _NOT_SHOWN, f" {shown}"
    return (_GOES if agree is None or agree else _SOME), f" {shown}, Holm {row['partial_p_holm']:.2g}"


def seed_verdict(test: pd.DataFrame) -> str:
    """Say which metrics go with the loss among the seeds of one cell, after Holm, and what so many seeds could show."""
    made = test[test["p"].notna()]
    if made.empty:
        return f"Among {int(test['n'].max())} seeds of one cell there are too few for a test."
    seeds, below = int(made["n"].min()), list(made.index[made["p_holm"] < LEVEL])
    family = f"after Holm over {len(made)} metric{'s' * (len(made) > 1)}"
    if below:
        return f"Among {seeds} seeds of one cell {', '.join(below)} go with the loss {family}."
    least = min(1.0, len(made) * smallest_pairing_p(seeds))
    could = f" (so many seeds could show none: the smallest possible is {least:.2g})" if least >= LEVEL else ""
    return f"Among {seeds} seeds of one cell nothing is below .05 {family}{could}."


def held_out_verdict(table: pd.DataFrame) -> list[str]:
    """Say what accuracy and the metrics add to the settings where an architecture was never seen."""
    said = []
    for _, row in table.iloc[1:].iterrows():
        what = str(row["from"]).rsplit(" + ", 1)[1]
        numbers = f"R² {row['r2']:.3f}, a gain of {row['gain']:+.3f}, Holm {row['p_holm']:.2g}"
        if not np.isfinite(row["p"]):
            said.append(f"Whether {what} helps to foretell the loss of an architecture left out cannot be tested here.")
        elif row["p_holm"] < LEVEL:
            helps = "helps" if row["gain"] > 0 else "does harm"
            said.append(f"Foretelling the loss of an architecture left out, {what} {helps} ({numbers}).")
        else:
            said.append(f"That {what} helps to foretell the loss of an architecture left out is not shown ({numbers}).")
    return said


def matched_verdict(table: pd.DataFrame) -> list[str]:
    """Say what differs at equal loss after Holm, setting by setting, and where so few pairs could show nothing."""
    said, tests = [], int(table["p"].notna().sum())
    for (setting, level, against), rows in table.groupby(["setting", "level", "against"], sort=False):
        below = rows[rows["p_holm"] < LEVEL]
        head, pairs = f"At equal loss, {setting} {level} against {against}", int(rows["pairs"].max())
        if rows["p"].isna().all():
            said.append(f"{head}: {pairs} pairs are too few for a test.")
        elif below.empty:
            said.append(f"{head}: no difference is below .05 after Holm ({pairs} pairs{_could(pairs, tests)}).")
        else:
            shown = ", ".join(
                f"{row['metric']} {row['difference']:+.3g} (Holm {row['p_holm']:.2g})" for _, row in below.iterrows()
            )
            said.append(f"{head}: {shown}; {pairs} pairs.")
    return said


def _could(pairs: int, tests: int) -> str:
    """Say what would take to show anything, where so many sign flips and tests leave no room for it."""
    least = tests * smallest_flip_p(pairs)
    if least < LEVEL:
        return ""
    enough = next(n for n in range(pairs, 64) if tests * smallest_flip_p(n) < LEVEL)
    return f", which could show none among {tests} tests: run {enough}, or ask for fewer metrics"
