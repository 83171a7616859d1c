"""What docs/dictionary.md names."""

from __future__ import annotations

import re
from collections.abc import Iterable

from nc_hf.metrics.table import METRICS
from nc_hf.study.table import HALVES, OTHER_TEXT, STDERR
from tests.paths import ROOT

_SECTIONS = (ROOT / "docs" / "dictionary.md").read_text(encoding="utf-8").split("\n## ")[1:]
OPTIONS, COLUMNS, REPORT, TRAJECTORY = (re.findall(r"^\| `([^`]+)` \|", each, re.MULTILINE) for each in _SECTIONS)


def undocumented(columns: Iterable[str]) -> list[str]:
    """Return the columns of a results table that the dictionary does not have."""
    return [name for name in columns if _bare(name) not in {*COLUMNS, *METRICS, *(f"val_{end}" for end in _OUTCOMES)}]


_OUTCOMES = ("loss", "accuracy", "perplexity", "calibration_error")


def _bare(name: str) -> str:
    bare = name.removesuffix(STDERR)
    for half in HALVES:
        bare = bare.removesuffix(half)
    if bare.startswith(OTHER_TEXT) and bare not in COLUMNS:
        bare = bare.removeprefix(OTHER_TEXT)
        bare = f"val_{bare}" if bare in _OUTCOMES else bare
    return bare
