"""Reports of fixed models on fixed text, value by value: made once, kept in golden.json, compared ever after.

A change of layout, speed or wording must leave them as they are. In float64, so that another processor changes no more
than rounding does::

    python -m tests.reference.golden --write FILE            # what this checkout gives
    python -m tests.reference.golden --compare FILE --rtol 0  # the same, to the last bit
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from nc_hf import Report, measure
from tests.architectures import ARCHITECTURES
from tests.paths import SHARED_DATA
from tests.training import token_blocks

GOLDEN = Path(__file__).with_name("golden.json")
STORIES = "stories260K"
HEADS = ("GPT-Neo", "Phi", "Gemma 2")  # tied and plain; with a bias; with a softcap
PASSING = ("versions", "created", "seconds", "definitions", "schema_version", "model/id", "corpus/source")
LEFT_OUT = (
    "token_table/columns/",
    "token_table/map/",
    "token_table/commonest/",
    "errors/replicates/",
    "undefined/errors/",
    "verdict/",
)
"""What a file is written without: the longest lists, and the verdict's words."""
RELATIVE = 1e-6
"""Of a float64 value on another processor: sums over tokens and tiles come in another order."""

RESIDUES = ("head_check",)
"""Made of rounding alone: another processor gives another one, and all that can be held is that it stays rounding."""
ROUNDING = 1e-5

Value = float | int | str | bool | None


def report_of(name: str, dtype: torch.dtype = torch.float64) -> Report:
    """Measure one of the fixed models with everything that a report holds."""
    options: dict[str, Any] = {"preset": "full", "layers": "all", "progress": False, "device": "cpu"}
    if name == STORIES:
        text = SHARED_DATA / "tinystories" / "validation.jsonl"
        folder = SHARED_DATA / "models" / STORIES
        return measure(str(folder), str(text), max_tokens=20_000, dtype=dtype, agreement_tokens=4_000, **options)
    blocks = token_blocks(60, seed=3, classes=40, length=64)
    return measure(ARCHITECTURES[name]().to(dtype), blocks, agreement_tokens=500, batch_size=7, **options)


def values_of(report: Report) -> dict[str, Value]:
    """Every value of a report by its path, but for what a run or a release decides."""
    return dict(_leaves(report.to_dict(), ""))


def differences(before: Mapping[str, Value], after: Mapping[str, Value], relative: float) -> list[str]:
    """Say where ``after`` lacks a value of ``before`` or has another one; what is new is no difference."""
    return [
        f"{path}: {value!r}, now {after.get(path, 'missing')!r}"
        for path, value in before.items()
        if not _same(path, value, after.get(path, "missing"), relative)
    ]


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Value]]:
    if any(path == passing or path.startswith(f"{passing}/") for passing in PASSING):
        return
    if isinstance(value, dict | list):
        entries = value.items() if isinstance(value, dict) else enumerate(value)
        for name, entry in entries:
            yield from _leaves(entry, f"{path}/{name}" if path else str(name))
    else:
        # A value by layer was a bare number before it had an error, and is still found where it was.
        yield path.removesuffix("/value") if path.startswith(("layers/", "undefined/layers/")) else path, value


def _same(path: str, before: Value, after: Value, relative: float) -> bool:
    if path in RESIDUES:
        return before == after or (isinstance(after, float) and relative > 0 and 0 <= after < ROUNDING)
    if isinstance(before, float) and isinstance(after, int | float):
        return math.isclose(before, after, rel_tol=relative, abs_tol=relative * 1e-3)
    return before == after


def main() -> None:
    """Write or compare the reports of every model, in float64 and in float32."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path)
    parser.add_argument("--compare", type=Path)
    parser.add_argument("--rtol", type=float, default=RELATIVE)
    parser.add_argument("--float32", action="store_true", help="the models in float32, as they come")
    given = parser.parse_args()
    dtype = torch.float32 if given.float32 else torch.float64
    found = {name: values_of(report_of(name, dtype)) for name in (*HEADS, STORIES)}
    if given.write:
        short = {
            name: {path: value for path, value in values.items() if not path.startswith(LEFT_OUT)}
            for name, values in found.items()
        }
        given.write.write_text(json.dumps(short, indent=0, sort_keys=True) + "\n", encoding="utf-8")
    if given.compare:
        kept = json.loads(given.compare.read_text(encoding="utf-8"))
        wrong = [f"{name}: {line}" for name in kept for line in differences(kept[name], found[name], given.rtol)]
        print("\n".join(wrong[:40]) or f"{sum(map(len, kept.values()))} values, all as before")
        sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
