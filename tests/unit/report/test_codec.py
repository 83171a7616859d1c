"""A report as JSON: strict, exact, short, and damage is named."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

from nc_hf.errors import FileError
from nc_hf.report import MetricValue, Report
from tests.reports import with_metrics


def refuse_constant(name: str) -> float:
    raise AssertionError(f"{name} is not JSON")


class TestFile:
    def test_numbers_that_json_lacks_are_null_and_come_back(self, report: Report) -> None:
        odd = replace(
            with_metrics(
                report,
                nc1_cdnv=MetricValue(math.inf, math.nan),
                nc1_pinv=MetricValue(-math.inf),
                nc2_cos_std=MetricValue(0.5),
            ),
            perplexity=math.inf,
            model=replace(report.model, head={"kind": "linear", "scale": math.inf}),
            layers={"layer.0": {"nc1_cdnv": MetricValue(math.nan, 0.5)}},
        )
        document = json.loads(odd.to_json(), parse_constant=refuse_constant)
        assert document["metrics"]["nc1_cdnv"] == {"value": None, "stderr": None}
        assert document["metrics"]["nc2_cos_std"] == {"value": 0.5, "stderr": None}
        assert document["undefined"] == {
            "metrics/nc1_cdnv/value": "inf",
            "metrics/nc1_cdnv/stderr": "nan",
            "metrics/nc1_pinv/value": "-inf",
            "perplexity": "inf",
            "model/head/scale": "inf",
            "layers/layer.0/nc1_cdnv/value": "nan",
        }
        again = Report.from_dict(document)
        assert again.to_json() == odd.to_json()
        assert again.metrics["nc1_cdnv"].value == math.inf
        assert again.metrics["nc2_cos_std"].stderr is None
        stderr = again.metrics["nc1_cdnv"].stderr
        assert stderr is not None
        assert math.isnan(stderr)

    def test_text_is_what_the_standard_library_reads_and_short(self, report: Report) -> None:
        """Lists stand on one line, each row of a table on its own; what is written is the document, to the last bit."""
        text, document = report.to_json(), report.to_dict()
        assert json.loads(text, parse_constant=refuse_constant) == document
        assert len(text) < 1.1 * len(json.dumps(document, ensure_ascii=False)) + 20 * text.count("\n")
        table = report.token_table
        assert table is not None
        assert f'"counts": {json.dumps(table.columns.counts)}' in text
        assert sum('"nearest_text": ' in line for line in text.splitlines()) == 2 * len(table.most_collapsed)

    def test_numbers_in_lists_that_json_lacks_come_back(self, report: Report) -> None:
        table = report.token_table
        assert table is not None
        norm = [math.nan, *table.columns.norm[1:]]
        token = replace(table.most_collapsed[1], duality=-math.inf, agreement=None)
        odd = replace(
            report,
            token_table=replace(
                table,
                columns=replace(table.columns, norm=norm),
                most_collapsed=[table.most_collapsed[0], token],
                commonest=replace(table.commonest, cosines=[[1.0, math.nan], [math.nan, 1.0]]),
            ),
            strata=[replace(report.strata[0], metrics={"nc1_cdnv": math.inf})],
        )
        document = json.loads(odd.to_json(), parse_constant=refuse_constant)
        assert document["undefined"] == {
            "strata/0/metrics/nc1_cdnv": "inf",
            "token_table/most_collapsed/1/duality": "-inf",
            "token_table/columns/norm/0": "nan",
            "token_table/commonest/cosines/0/1": "nan",
            "token_table/commonest/cosines/1/0": "nan",
        }
        again = Report.from_dict(document)
        assert again.to_json() == odd.to_json()
        assert again.token_table is not None
        assert again.token_table.most_collapsed[1] == token
        assert math.isnan(again.token_table.columns.norm[0])

    @pytest.mark.parametrize(
        ("path", "value"),
        [
            ("tokens", "many"),
            ("tokens", True),
            ("loss", None),
            ("model", []),
            ("model/commit", 3),
            ("metrics", None),
            ("metrics/nc1_cdnv", 0.5),
            ("metrics/nc1_cdnv/value", None),
            ("metrics/nc1_cdnv/error", 0.5),
            ("metrics/nc1_cdnv/value", True),
            ("metrics/nc1_cdnv/value", "0.5"),
            ("layers", []),
            ("layers/final", []),
            ("layers/final/nc1_cdnv", 0.5),
            ("layers/final/nc1_cdnv/stderr", "0.5"),
            ("versions/torch", 2.13),
            ("strata", {}),
            ("strata/1/classes", 2.5),
            ("strata/0/metrics/nc4_agreement", "half"),
            ("token_table/columns/norm/3", None),
            ("token_table/columns/texts/0", 7),
            ("token_table/most_collapsed/0/id", "7"),
            ("undefined", None),
            ("undefined/loss", "nan"),
            ("undefined/nothing", "nan"),
            ("undefined/loss", "zero"),
        ],
    )
    def test_damaged_entry_is_named(self, report: Report, path: str, value: object) -> None:
        document = report.to_dict()
        *parents, last = path.split("/")
        place = document
        for parent in parents:
            place = place[int(parent) if isinstance(place, list) else parent]
        place[int(last) if isinstance(place, list) else last] = value
        with pytest.raises(FileError, match=rf"the report is damaged \((undefined|{path}) .*\): measure again"):
            Report.from_dict(document)

    def test_missing_entry_is_named(self, report: Report) -> None:
        document = report.to_dict()
        del document["corpus"]["fingerprint"]
        with pytest.raises(FileError, match="corpus/fingerprint is missing"):
            Report.from_dict(document)
