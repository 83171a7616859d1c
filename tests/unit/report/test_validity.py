"""What a report says is held against what any measurement can give; real ones are always believed."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nc_hf.errors import FileError
from nc_hf.report import Report
from nc_hf.report.validity import fault_of
from nc_hf.runtime.seal import sealed
from tests.paths import ROOT

REPORTS = sorted((ROOT / "tests" / "reference").glob("report*.json"))
SCHEMA_8 = ROOT / "tests" / "reference" / "report_8.json"


@pytest.mark.parametrize("path", REPORTS, ids=lambda path: path.stem)
def test_a_measured_report_is_believed(path: Path) -> None:
    assert fault_of(Report.load(path)) is None


def put(*path: str | int, value: Any) -> Callable[[dict[str, Any]], None]:
    """Return what sets an entry deep in a document."""

    def change(document: dict[str, Any]) -> None:
        for name in path[:-1]:
            document = document[name]  # type: ignore[index]
        document[path[-1]] = value  # type: ignore[index]

    return change


LIES = [
    (put("tokens", value=-1), "tokens is -1"),
    (put("loss", value=-0.5), "loss is -0.5"),
    (put("perplexity", value=0.5), "perplexity is 0.5"),
    (put("accuracy", value=1.5), "accuracy is 1.5"),
    (put("accuracy", value=-0.1), "accuracy is -0.1"),
    (put("head_check", value=-1.0), "head_check is -1.0"),
    (put("classes", "coverage", value=2.0), "classes/coverage is 2.0"),
    (put("classes", "used", value=-3), "classes/used is -3"),
    (put("classes", "ids", value=[5, 3]), "classes/ids are not ascending"),
    (put("classes", "ids", value=[3, 3]), "classes/ids are not ascending"),
    (put("classes", "ids", value=[-1, 3]), "classes/ids are not ascending"),
    (put("metrics", "nc1_trace_ratio", "stderr", value=-1.0), "metrics/nc1_trace_ratio/stderr is -1.0"),
    (put("errors", "groups", value=1), "errors/groups is 1"),
    (put("errors", "replicates", "loss", value=[1.0]), "errors/replicates/loss are not"),
    (put("strata", 0, "low", value=-1), "strata/0 is from -1"),
    (put("token_table", "columns", "norm", value=[1.0]), "columns are not of one length"),
    (put("token_table", "columns", "counts", 0, value=0), "one that never came"),
    (put("token_table", "columns", "ids", 1, value=-1), "have a token twice"),
    (put("token_table", "commonest", "cosines", value=[[1.0, 0.5]]), "cosines are no square"),
]


@pytest.mark.parametrize(("change", "why"), LIES, ids=[why.replace("/", " ") for _, why in LIES])
def test_what_no_measurement_gives_is_refused_though_its_seal_is_whole(
    tmp_path: Path, change: Callable[[dict[str, Any]], None], why: str
) -> None:
    document = Report.load(SCHEMA_8).to_dict()
    change(document)
    (tmp_path / "report.json").write_text(json.dumps(sealed(document)), encoding="utf-8")
    with pytest.raises(FileError, match=f"says what no measurement gives .*{why}"):
        Report.load(tmp_path / "report.json")


def test_what_is_not_known_is_no_fault() -> None:
    """NaN where nothing was measured, and an infinite perplexity, are what measurements give."""
    document = Report.load(SCHEMA_8).to_dict()
    for name, word in (("loss", "nan"), ("accuracy", "nan"), ("perplexity", "inf")):
        document[name] = None
        document["undefined"][name] = word
    assert math.isnan(Report.from_dict(document).loss)
