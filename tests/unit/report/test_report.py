"""Report: every schema stays readable, saving is exact, and what is not a report is refused."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nc_hf.errors import FileError
from nc_hf.report import SCHEMA_VERSION, AgreementRecord, MetricValue, Report
from nc_hf.report.verdict import verdict
from tests.reports import REFERENCE, SCHEMA_1, SCHEMA_2, SCHEMA_4, SCHEMA_5, SCHEMA_6, SCHEMA_7, SCHEMA_8, with_metrics


def added(document: Any, before: Any, path: str = "") -> dict[str, Any]:
    """Return by path what a document has beyond an older one, of which it must hold every entry as it was."""
    if isinstance(before, dict) and isinstance(document, dict):
        assert document.keys() >= before.keys(), path
        found: dict[str, Any] = {}
        for name, entry in document.items():
            here = f"{path}/{name}" if path else name
            found |= added(entry, before[name], here) if name in before else {here: entry}
        return found
    assert document == before, path
    return {}


def of_this_schema(written: dict[str, Any]) -> dict[str, Any]:
    """Return an older document with what became another entry in schema 5: which classes count."""
    classes = dict(written["classes"])
    if (least := classes.pop("min_count", None)) is not None:
        classes |= {"rule": f"min_count:{least}", "listed": classes["used"], "fewest": least}
    now = {**written, "schema_version": SCHEMA_VERSION, "classes": classes}
    if written["agreement"] is not None:
        now["agreement"] = {"classes": "seen", **written["agreement"]}
    if written.get("token_table") is not None:
        now["token_table"] = {name: entry for name, entry in written["token_table"].items() if name != "min_count"}
    now.pop("verdict", None)  # it is made of the values
    return now


class TestFile:
    def test_report_of_this_schema_stays_readable_and_writes_the_same_text(self) -> None:
        report = Report.load(SCHEMA_8)
        assert report.schema_version == SCHEMA_VERSION == 8
        assert report.to_json() == SCHEMA_8.read_text(encoding="utf-8")
        assert report.errors is not None
        assert {"loss", "accuracy", *report.metrics} == report.errors.replicates.keys()

    @pytest.mark.parametrize(
        ("path", "schema", "empty"),
        [
            (SCHEMA_1, 1, {"errors", "metrics/nc1_cdnv/bound", "classes/hash", "classes/census"}),
            (SCHEMA_2, 2, {"errors", "metrics/nc1_cdnv/bound", "classes/hash", "classes/census"}),
            (REFERENCE, 3, {"errors", "metrics/nc1_cdnv/bound", "classes/hash", "classes/census"}),
            (SCHEMA_4, 4, {"corpus/text_hash", "classes/ids", "classes/hash", "classes/census"}),
            (SCHEMA_5, 5, {"model/base"}),
            (SCHEMA_6, 6, {"token_table/map"}),
            (SCHEMA_7, 7, {"drawn"}),
        ],
        ids=["schema 1", "schema 2", "schema 3", "schema 4", "schema 5", "schema 6", "schema 7"],
    )
    def test_an_older_report_loads_with_its_every_entry_and_the_later_ones_empty(
        self, path: Path, schema: int, empty: set[str]
    ) -> None:
        written, report = json.loads(path.read_text(encoding="utf-8")), Report.load(path)
        assert written["schema_version"] == schema < SCHEMA_VERSION
        later = added(report.to_dict(), of_this_schema(written))
        assert later.pop("verdict") == verdict(report).to_dict()
        assert empty <= later.keys()
        assert not any(later.values()), later
        assert report.to_dict() == Report.from_dict(report.to_dict()).to_dict()
        assert set(report.metrics) == set(written["metrics"])

    def test_an_older_report_says_by_how_many_tokens_its_classes_counted(self) -> None:
        report, written = Report.load(SCHEMA_4), json.loads(SCHEMA_4.read_text(encoding="utf-8"))
        least, used = written["classes"]["min_count"], written["classes"]["used"]
        assert (report.classes.rule, report.classes.listed, report.classes.fewest) == (
            f"min_count:{least}",
            used,
            least,
        )
        assert (report.classes.hash, report.classes.ids, report.classes.census) == ("", [], 0)
        assert report.classes.description == f"{used} tokens that came up {least} times or more"
        assert report.agreement == AgreementRecord(written["agreement"]["tokens"], leave_one_out=True, classes="seen")
        assert report.corpus.text_hash is None
        assert not hasattr(report.token_table, "min_count")
        assert report.errors is not None
        assert report.errors.classes == "held"
        bare = Report.from_dict({**written, "agreement": None, "token_table": None})
        assert bare.agreement is bare.token_table is None

    def test_the_verdict_is_made_of_the_values_and_not_read(self, report: Report) -> None:
        document = report.to_dict()
        other = {**document, "loss": 99.0, "verdict": {"level": "strong", "sentences": ["Praise."], "cautions": []}}
        assert document["verdict"]["level"] == "partial"
        assert Report.from_dict(other).to_dict()["verdict"]["level"] == "unknown"
        assert Report.from_dict({name: entry for name, entry in document.items() if name != "verdict"}) == report

    @pytest.mark.parametrize("schema", [1, 2])
    def test_values_by_layer_of_older_schemas_have_no_error(self, schema: int) -> None:
        written = json.loads((SCHEMA_1, SCHEMA_2)[schema - 1].read_text(encoding="utf-8"))
        written["layers"] = {"layer.0": {"nc1_cdnv": 0.5, "nc2_cos_std": None}, "final": {}}
        written["undefined"] = {"layers/layer.0/nc2_cos_std": "nan"}
        report = Report.from_dict(written)
        assert report.layers["layer.0"]["nc1_cdnv"] == MetricValue(0.5, None)
        assert math.isnan(report.layers["layer.0"]["nc2_cos_std"].value)
        assert report.layers["final"] == {}
        assert Report.from_dict(report.to_dict()).to_json() == report.to_json()

    def test_what_a_reader_of_the_text_alone_may_see_can_be_taken_out(self, report: Report) -> None:
        """Of what the report quotes nothing is left, and all else is as it was."""
        whole = Report.load(SCHEMA_8)
        assert whole.token_table is not None
        assert whole.token_table.map is not None
        bare, quoted = whole.without_contexts(), [text for each in whole.token_table.map.contexts for text in each]
        assert len(quoted) == 3 * len(whole.token_table.columns.ids)
        written = bare.to_json()
        assert not any(json.dumps(text, ensure_ascii=False) in written for text in quoted)
        later, before = bare.to_dict(), whole.to_dict()
        for document in (later, before):
            document["token_table"]["map"].pop("contexts")
        assert later == before
        assert bare.without_contexts() == bare
        assert report.without_contexts() == report, "an older one quotes nothing"

    def test_save_and_load_is_exact(self, report: Report, tmp_path: Path) -> None:
        awkward = with_metrics(report, nc1_cdnv=MetricValue(0.1 + 0.2, 5e-324), nc2_cos_std=MetricValue(1e300, None))
        awkward.save(tmp_path / "report.json")
        assert Report.load(tmp_path / "report.json") == awkward

    def test_failed_save_leaves_what_was_there(self, report: Report, tmp_path: Path) -> None:
        path = tmp_path / "report.json"
        report.save(path)
        with pytest.raises(TypeError):
            replace(report, versions={"torch": object()}).save(path)  # what JSON cannot hold
        assert Report.load(path) == report
        assert list(tmp_path.iterdir()) == [path]

    def test_truncation_anywhere_is_an_error(self, tmp_path: Path) -> None:
        whole, path = REFERENCE.read_text(encoding="utf-8"), tmp_path / "report.json"
        for length in range(0, len(whole) - 2, 97):
            path.write_text(whole[:length], encoding="utf-8")
            with pytest.raises(FileError, match="truncated"):
                Report.load(path)

    @pytest.mark.parametrize(
        "foreign",
        [
            "[]",
            "3",
            "null",
            '{"loss": 1.0}',
            '{"schema_version": "1"}',
            '{"schema_version": true}',
            '{"schema_version": 0}',
        ],
    )
    def test_foreign_json_is_an_error(self, foreign: str, tmp_path: Path) -> None:
        path = tmp_path / "other.json"
        path.write_text(foreign)
        with pytest.raises(FileError, match=r"other\.json: this is not a report: pass"):
            Report.load(path)

    def test_binary_file_missing_file_and_directory_are_errors(self, tmp_path: Path) -> None:
        (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
        for path in (tmp_path / "binary", tmp_path / "missing", tmp_path):
            with pytest.raises(FileError, match=re.escape(str(path))):
                Report.load(path)

    def test_newer_schema_asks_for_an_upgrade(self, report: Report) -> None:
        newer = SCHEMA_VERSION + 1
        with pytest.raises(FileError, match=f"schema {newer}, newer than {SCHEMA_VERSION}: upgrade nc_hf"):
            Report.from_dict({**report.to_dict(), "schema_version": newer})


def test_a_value_may_be_used_as_the_number_that_it_is() -> None:
    small, large = MetricValue(0.25, 0.1), MetricValue(2.0)
    assert f"{small:.3f} {large:.1e}" == "0.250 2.0e+00"
    assert f"{small}" == "MetricValue(value=0.25, stderr=0.1, bound=None)"
    assert max(small, large) is large
    assert min(large, small) is small
    assert (small < 0.3, small > 0.3, 0.3 > small, large > small) == (True, False, True, True)
    assert (2 * small, small * 2.0, float(large)) == (0.5, 0.5, 2.0)
    assert small != 0.25, "what is known of its error is part of it"

    def test_a_report_that_was_edited_is_refused_whatever_was_changed(self, report: Report, tmp_path: Path) -> None:
        path = tmp_path / "report.json"
        report.save(path)
        text = path.read_text(encoding="utf-8")
        edits = {
            '"level": "partial"': '"level": "strong"',
            f'"loss": {report.loss!r}': f'"loss": {report.loss - 1!r}',
            f'"id": "{report.model.id}"': '"id": "another/model"',
        }
        for old, new in edits.items():
            assert text.count(old) >= 1
            path.write_text(text.replace(old, new), encoding="utf-8")
            with pytest.raises(FileError, match=r"damaged \(its content is not that of its seal, so it was edited"):
                Report.load(path)

    def test_a_file_that_another_program_laid_out_anew_keeps_its_seal(self, report: Report, tmp_path: Path) -> None:
        document = json.loads(report.to_json())
        document["model"]["head"]["scale"] = int(document["model"]["head"]["scale"])  # as JavaScript writes 1.0
        (tmp_path / "report.json").write_text(json.dumps(document, indent=7, sort_keys=True), encoding="utf-8")
        assert Report.load(tmp_path / "report.json") == report

    def test_a_report_without_a_seal_loads(self, report: Report, tmp_path: Path) -> None:
        (tmp_path / "report.json").write_text(json.dumps(report.to_dict()), encoding="utf-8")
        assert Report.load(tmp_path / "report.json") == report
