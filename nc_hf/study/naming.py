"""Names of cells: short, in letters that every file system takes, and each cell's its own."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

ALWAYS = ("width", "depth", "epochs", "weight_decay", "seed")
"""What every name tells, as the published ids do; of the other settings it tells those that vary."""

LONGEST = 150
"""Characters of a name, so that it and the endings of files stay below the 255 that file systems take."""


def cell_names(cells: Sequence[Mapping[str, Any]]) -> list[str]:
    """Name the cells of a study.

    Args:
        cells: the settings of each by name.

    Returns:
        Names such as ``02x0064_03_wd0.0005_s0_learning_rate-0.002``: depth x width _ epochs _ decay _ seed, then the
        settings that vary among these cells, but for what follows from those already named.

    >>> cell = {"width": 64, "depth": 2, "epochs": 3, "weight_decay": 0.1, "seed": 0}
    >>> cell_names([cell | {"tied": tied} for tied in (1, 0)])
    ['02x0064_03_wd0.1_s0_tied-1', '02x0064_03_wd0.1_s0_tied-0']
    """
    told = list(ALWAYS)
    for name in cells[0] if cells else ():
        if name not in told and not _follows(cells, name, told):
            told.append(name)
    words = {name: _words([cell[name] for cell in cells]) for name in told}
    return [_name(cell, {name: words[name][repr(cell[name])] for name in told}, told) for cell in cells]


def slug(value: Any) -> str:
    """Write a value in letters that every file system takes; of a path its end.

    >>> slug("../data/tiny stories.txt"), slug(0.002), slug("hub:a/b:c")
    ('tiny-stories.txt', '0.002', 'b-c')
    """
    text = f"{value:g}" if isinstance(value, float) else str(value).rstrip("/").rpartition("/")[2]
    return re.sub(r"[^A-Za-z0-9.+-]+", "-", text).strip("-.") or "none"


def _follows(cells: Sequence[Mapping[str, Any]], name: str, told: Sequence[str]) -> bool:
    """Whether a setting is the same wherever all that is told is the same."""
    found: dict[str, Any] = {}
    return all(found.setdefault(repr([cell[key] for key in told]), cell[name]) == cell[name] for cell in cells)


def _words(values: Sequence[Any]) -> dict[str, str]:
    """Write the values of one setting, so that no two are written alike."""
    words = {repr(value): slug(value) for value in values}
    if len(set(words.values())) < len(words):
        words = {key: f"{word[:40]}-{hashlib.sha256(key.encode()).hexdigest()[:6]}" for key, word in words.items()}
    return words


def _name(cell: Mapping[str, Any], words: Mapping[str, str], told: Sequence[str]) -> str:
    begin = f"{cell['depth']:02d}x{cell['width']:04d}_{cell['epochs']:02d}_wd{words['weight_decay']}_s{cell['seed']}"
    rest = "".join(f"_{name}-{words[name]}" for name in told[len(ALWAYS) :])
    if len(begin + rest) > LONGEST:
        rest = f"_{hashlib.sha256(rest.encode()).hexdigest()[:12]}"
    return begin + rest
