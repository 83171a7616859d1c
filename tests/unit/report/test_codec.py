"""A report as JSON: strict, exact, short, and damage is named."""

from __future__ import annotations

import json
import math
import struct
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nc_hf.errors import FileError
from nc_hf.report import MetricValue, Report
from nc_hf.report.codec import CodecError, decode, encode, restore, to_text
from nc_hf.runtime.seal import sealed
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
        assert document["metrics"]["nc1_cdnv"] == {"value": None, "stderr": None, "bound": None}
        assert document["metrics"]["nc2_cos_std"] == {"value": 0.5, "stderr": None, "bound": None}
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
        assert json.loads(text, parse_constant=refuse_constant) == sealed(document)
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


@dataclass(frozen=True)
class Sheet:
    """One entry of each kind that a report has."""

    count: int
    used: bool
    text: str
    table: list[list[float]]
    values: dict[str, MetricValue]
    maybe: float | None = None
    anything: Any = None


def sheet(**changed: object) -> dict[str, object]:
    whole = {"count": 3, "used": True, "text": "a", "table": [[0.5]], "values": {}, "maybe": None, "anything": None}
    return whole | changed


class TestDecoder:
    @given(st.lists(st.floats(), max_size=20))
    def test_every_float_comes_back_to_the_last_bit(self, numbers: list[float]) -> None:
        text = to_text(encode(sheet(table=[numbers], maybe=5e-324)))
        (again,) = decode(Sheet, restore(json.loads(text, parse_constant=refuse_constant))).table
        for before, after in zip(numbers, again, strict=True):
            same = math.isnan(before) and math.isnan(after)
            assert same or struct.pack("d", before) == struct.pack("d", after)

    def test_whole_number_may_stand_for_a_float(self) -> None:
        (value,) = decode(Sheet, sheet(table=[[2]])).table[0]
        assert type(value) is float
        assert value == 2.0

    def test_name_with_a_slash_keeps_its_number(self) -> None:
        values = {
            "a/b": {"value": math.inf, "stderr": None, "bound": None},
            "a": {"value": 1.0, "stderr": -math.inf, "bound": None},
        }
        document = encode(sheet(values=values))
        assert document["undefined"] == {"values/a/b/value": "inf", "values/a/stderr": "-inf"}
        assert decode(Sheet, restore(document)).values == {
            "a/b": MetricValue(math.inf),
            "a": MetricValue(1.0, -math.inf),
        }

    @pytest.mark.parametrize(
        ("changed", "said"),
        [
            ({"count": True}, "count is True"),
            ({"count": 3.0}, "count is 3.0"),
            ({"count": None}, "count is None"),
            ({"used": 1}, "used is 1"),
            ({"text": 1}, "text is 1"),
            ({"table": [[0.5], ["1"]]}, "table/1/0 is '1'"),
            ({"table": [[False]]}, "table/0/0 is False"),
            ({"table": {}}, "table is {}"),
            ({"values": {"a": {"value": None, "stderr": None}}}, "values/a/value is None"),
            ({"values": {"a": {"stderr": None}}}, "values/a/value is missing"),
            ({"values": {"a": {"value": 1.0}}}, "values/a/stderr is missing"),
            ({"values": {"a": {"value": 1.0, "errors": 1.0}}}, "values/a/errors is unknown"),
            ({"values": {"a": 1.0}}, "values/a is 1.0"),
            ({"maybe": "nan"}, "maybe is 'nan'"),
            ({"more": 1}, "more is unknown"),
            ({"text": math.nan}, "text is nan"),
        ],
    )
    def test_what_is_wrong_is_said_with_its_place(self, changed: dict[str, object], said: str) -> None:
        with pytest.raises(CodecError) as caught:
            decode(Sheet, sheet(**changed))
        assert str(caught.value) == said

    @pytest.mark.parametrize("name", sheet())
    def test_no_entry_may_be_missing_though_the_dataclass_has_a_default(self, name: str) -> None:
        entries = {entry: value for entry, value in sheet().items() if entry != name}
        with pytest.raises(CodecError, match=f"^{name} is missing$"):
            decode(Sheet, entries)

    def test_what_is_no_object_is_said(self) -> None:
        with pytest.raises(CodecError, match=r"^the document is \[\]$"):
            decode(Sheet, [])

    def test_document_that_is_nested_beyond_reason_is_refused(self, report: Report) -> None:
        for depth in (150, 300, 900):
            head = json.loads("[" * depth + "]" * depth)
            document = {**report.to_dict(), "model": {**report.to_dict()["model"], "head": {"kind": head}}}
            if depth < 200:
                assert Report.from_dict(document).model.head == {"kind": head}
            else:
                with pytest.raises(FileError, match="the report is damaged"):
                    Report.from_dict(document)
