"""docs/dictionary.md has every column of a study's table and every entry of a report, as they are declared."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from nc_hf.measurement import options
from nc_hf.study.analysis.columns import is_measured
from nc_hf.study.cell import settings
from nc_hf.study.table import SIZES, STATE
from tests.dictionary import COLUMNS, OPTIONS, REPORT, TRAJECTORY, undocumented
from tests.paths import RECIPES, ROOT
from tests.reports import SCHEMA_8
from tests.scripts import load_script

BY_NAME = {
    "metrics", "definitions", "diagnostics", "untrained", "layers", "outliers", "head", "replicates", "versions",
    "token_table.shares", "token_table.map.others",
}  # fmt: skip
WRITTEN_LAST = {"undefined", "verdict", "seal"}
"""Made of the other entries when the file is written; docs/report.md tells of them."""


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """The script that writes the tables."""
    return load_script(ROOT / "docs" / "dictionary.py")


def paths(entry: Any, before: str = "") -> Iterator[str]:
    """Every path of a report's JSON as the dictionary writes it, down to what goes by names that are data."""
    for name, value in entry.items():
        path = f"{before}{name}"
        yield path
        if isinstance(value, dict) and not {name, path} & BY_NAME:
            yield from paths(value, f"{path}.")
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            yield from paths(value[0], f"{path}[].")


def test_the_tables_are_those_of_the_code(script: ModuleType) -> None:
    assert (ROOT / "docs" / "dictionary.md").read_text(encoding="utf-8") == script.renewed(), (
        "run: python docs/dictionary.py"
    )


def test_every_entry_of_a_report_is_there() -> None:
    found = set(paths({k: v for k, v in json.loads(SCHEMA_8.read_text()).items() if k not in WRITTEN_LAST}))
    again = {path for path in found if path.startswith("token_table.least_collapsed[].")}  # as of most_collapsed
    assert len(found) > 80
    assert found - again - set(REPORT) == set()
    assert {"points", "points[].report", "failures[].reason"} <= set(TRAJECTORY)


def test_every_entry_is_told(script: ModuleType) -> None:
    for table in script.TABLES.values():
        assert all(cell.strip() for row in table().splitlines()[2:] for cell in row.replace("\\|", "")[1:-1].split("|"))


def test_every_option_is_there() -> None:
    assert OPTIONS == list(options.OPTIONS)


def test_every_column_of_a_study_is_there() -> None:
    with Path(RECIPES / "results" / "mini" / "results.csv").open(encoding="utf-8") as file:
        header = next(csv.reader(file))
    assert undocumented(header) == []
    assert {*(each.name for each in settings()), *SIZES, *STATE} <= set(COLUMNS)
    assert undocumented(["ood_loss_stderr", "ood_nc4_agreement", "ood_tokens", "val_accuracy_half_2"]) == []
    assert undocumented(["val_entropy", "ood_entropy", "nc1_cdvn"]) == ["val_entropy", "ood_entropy", "nc1_cdvn"]


def test_what_is_documented_as_measured_is_read_as_such() -> None:
    assert all(is_measured(name) for name in ("val_loss", "perplexity", "val_calibration_error"))
