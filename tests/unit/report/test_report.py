"""Report: exact JSON, refusals of what is not a report, and what people read: table, card, CSV, comparison."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from rich.console import Console, RenderableType

from nc_hf.errors import FileError, InputError
from nc_hf.metrics import METRICS, PRESETS
from nc_hf.metrics.table import FAMILIES
from nc_hf.report import SCHEMA_VERSION, AgreementRecord, MetricValue, Report, compare
from nc_hf.report.words import by_family, number, value_and_error
from tests.paths import REFERENCES

SCHEMA_1 = REFERENCES / "report.json"
REFERENCE = SCHEMA_1.with_name("report_2.json")


@pytest.fixture
def report() -> Report:
    return Report.load(REFERENCE)


def with_metrics(report: Report, **metrics: MetricValue) -> Report:
    return replace(report, metrics=metrics, definitions={name: METRICS[name].formula for name in metrics})


def refuse_constant(name: str) -> float:
    raise AssertionError(f"{name} is not JSON")


def printed(renderable: RenderableType, width: int) -> str:
    console = Console(width=width, file=io.StringIO(), color_system=None)
    console.print(renderable)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


class TestFile:
    def test_report_of_this_schema_stays_readable_and_writes_the_same_text(self, report: Report) -> None:
        assert report.schema_version == SCHEMA_VERSION == 2
        assert report.to_json() == REFERENCE.read_text(encoding="utf-8")
        assert set(report.metrics) == set(PRESETS["core"])

    def test_report_of_the_first_schema_loads_with_its_every_entry_and_none_of_the_later_ones(self) -> None:
        written, report = json.loads(SCHEMA_1.read_text(encoding="utf-8")), Report.load(SCHEMA_1)
        assert written["schema_version"] == 1
        assert report.to_dict() == {**written, "schema_version": SCHEMA_VERSION, "strata": [], "token_table": None}
        assert report.to_dict() == Report.from_dict(report.to_dict()).to_dict()

    def test_save_and_load_is_exact(self, report: Report, tmp_path: Path) -> None:
        awkward = with_metrics(report, nc1_cdnv=MetricValue(0.1 + 0.2, 5e-324), nc2_cos_std=MetricValue(1e300, None))
        awkward.save(tmp_path / "report.json")
        assert Report.load(tmp_path / "report.json") == awkward

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
            layers={"layer.0": {"nc1_cdnv": math.nan}},
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
            "layers/layer.0/nc1_cdnv": "nan",
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
        with pytest.raises(FileError, match="schema 3, newer than 2: upgrade nc_hf"):
            Report.from_dict({**report.to_dict(), "schema_version": 3})

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


class TestWords:
    @pytest.mark.parametrize(
        ("value", "stderr", "shown"),
        [
            (0.123456, 0.00321, ("0.1235", "0.0032")),
            (123.456, 45.6, ("123", "46")),
            (0.5, 0.0996, ("0.500", "0.100")),
            (1.5, None, ("1.500", "")),
            (123456.0, 2345.0, ("123456", "2300")),
            (2.107, 138.2, ("2", "140")),
            (2.107, 2e6, ("2.107", "2.0e+06")),
            (2e7, 0.5, ("2.000e+07", "0.50")),
            (0.5, 0.0, ("0.5000", "0")),
            (math.nan, 0.1, ("undefined", "0.10")),
            (math.inf, None, ("∞", "")),
            (0.5, math.nan, ("0.5000", "undefined")),
        ],
    )
    def test_value_is_rounded_to_its_error(self, value: float, stderr: float | None, shown: tuple[str, str]) -> None:
        assert value_and_error(MetricValue(value, stderr)) == shown

    def test_numbers_keep_their_significant_digits(self) -> None:
        assert [number(x) for x in (0.0, 1234.0, 0.00001234, -2.5)] == ["0", "1234", "1.234e-05", "-2.500"]

    def test_every_metric_has_a_family_in_words(self) -> None:
        assert {metric.family for metric in METRICS.values()} == set(FAMILIES)
        assert by_family(["from_the_future", "nc4_agreement", "nc1_cdnv"]) == {
            "NC1": ["nc1_cdnv"],
            "NC4": ["nc4_agreement"],
            "other": ["from_the_future"],
        }


class TestViews:
    @pytest.mark.parametrize("width", [80, 120])
    def test_terminal_shows_every_number_whole(self, report: Report, width: int) -> None:
        values = {name: MetricValue(0.123456 * 10**place, 0.00321) for place, name in enumerate([*METRICS][:5])}
        values |= {name: MetricValue(-123456.7, 2345.6) for name in [*METRICS][5:]}
        text = printed(with_metrics(report, **values).to_table(), width)
        assert max(map(len, text.splitlines())) <= width
        for name, metric in values.items():
            row = next(line.split() for line in text.splitlines() if line.startswith(f"    {name} "))
            assert tuple(row[2:4]) == value_and_error(metric)
        for entry in (report.corpus.fingerprint, f"{report.tokens:,}", f"{report.loss:.4f}", report.created):
            assert entry in re.sub(r"\s*\n\s*", "", text)

    def test_direction_is_an_arrow_in_every_view(self, report: Report) -> None:
        values = with_metrics(
            report, nc1_cdnv=MetricValue(0.5), nc4_agreement=MetricValue(0.5), nc2_cos_mean=MetricValue(0.5)
        )
        for text in (printed(values.to_table(), 100), values.to_markdown(), compare([values, values]).to_markdown()):
            for name, arrow in {"nc1_cdnv": "↓", "nc4_agreement": "↑", "nc2_cos_mean": "—"}.items():
                assert re.search(rf"{name}`?[ |]+{arrow} ", text)

    def test_markup_in_names_is_text(self, report: Report) -> None:
        name = "[bold]a|b<img src=x>*c*`"
        hostile = replace(
            report,
            model=replace(report.model, id=name, revision=None),
            corpus=replace(report.corpus, source=name, fingerprint="other"),
        )
        assert printed(hostile.to_table(), 120).count(name) == 3
        for markdown in (hostile.to_markdown(), compare([report, hostile]).to_markdown()):
            html = MarkdownIt("commonmark").enable("table").render(markdown)
            assert "<img" not in html
            assert "<em>c" not in html
            assert "[bold]a|b&lt;img src=x&gt;*c*" in html

    def test_card_renders_as_whole_tables(self, report: Report) -> None:
        layered = replace(
            report, layers={"layer.0": {"nc1_cdnv": 0.5}, "final": {"nc1_cdnv": 0.25, "nc2_cos_std": 0.125}}
        )
        html = MarkdownIt("commonmark").enable("table").render(layered.to_markdown())
        tables = re.findall(r"<table>(.*?)</table>", html, re.DOTALL)
        rows = [re.findall(r"<tr>(.*?)</tr>", table, re.DOTALL) for table in tables]
        assert all(len({row.count("<th>") + row.count("<td>") for row in table}) == 1 for table in rows)
        for name, metric in report.metrics.items():
            value, error = value_and_error(metric)
            assert any(name in row and f"{value} ± {error}" in row for row in rows[0])
            assert METRICS[name].formula in layered.to_markdown()
        assert any("0.2500" in row and "0.1250" in row for row in rows[-2 if report.diagnostics else -1])

    @pytest.mark.parametrize("width", [80, 120])
    def test_strata_and_tokens_are_shown(self, report: Report, width: int) -> None:
        table = report.token_table
        assert table is not None
        for text in (printed(report.to_table(), width), report.to_markdown()):
            lines = [re.sub(r"[ |]+", " ", line).strip() for line in text.splitlines()]
            for stratum in report.strata:
                values = [stratum.norm, stratum.duality, *map(stratum.metrics.get, ("nc1_cdnv", "nc4_agreement"))]
                shown = [f"{stratum.low:,}-{stratum.high:,}", f"{stratum.classes:,}", f"{stratum.share:.2%}"]
                assert " ".join(shown + [number(value, 3) for value in values if value is not None]) in lines
            plain_lines = [line.replace("\\", "") for line in lines]
            for place, token in [*enumerate(table.most_collapsed), *enumerate(table.least_collapsed)]:
                values = (token.variability, token.norm, token.duality)
                row = [token.text, f"{token.count:,}", *(number(value, 3) for value in values), token.nearest_text]
                assert (" ".join([*row, number(token.distance, 3)]) in plain_lines) == (place < 5)

    def test_report_without_strata_and_tokens_shows_the_rest(self, report: Report) -> None:
        older = Report.load(SCHEMA_1)
        for text in (printed(older.to_table(), 80), older.to_markdown()):
            assert "frequency" not in text
            assert "Tokens" not in text

    def test_markup_in_tokens_is_text(self, report: Report) -> None:
        table = report.token_table
        assert table is not None
        texts = ["[red]x", "a|b", "<img src=x>", "*", "`", "&lt;", "_a_", "#", "\\n"]
        for text in texts:
            token = replace(table.most_collapsed[0], text=text, nearest_text=text)
            hostile = replace(report, token_table=replace(table, most_collapsed=[token]))
            assert printed(hostile.to_table(), 120).count(text) >= 2
            html = MarkdownIt("commonmark").enable("table").render(hostile.to_markdown())
            cells = [unescape(re.sub(r"<[^>]*>", "", cell)) for cell in re.findall(r"<td[^>]*>(.*?)</td>", html)]
            assert cells.count(text) == 2
            assert "<img" not in html

    def test_csv_keeps_every_bit(self, report: Report) -> None:
        (row,) = csv.DictReader(io.StringIO(report.to_csv()))
        assert row["model"] == report.model.id
        assert float(row["loss"]) == report.loss
        for name, metric in report.metrics.items():
            assert float(row[name]) == metric.value
            assert row[f"{name}_stderr"] == ("" if metric.stderr is None else repr(metric.stderr))

    def test_curve_over_the_layers_follows_the_values(self, report: Report) -> None:
        layers = {f"layer.{i}": {"nc1_cdnv": value} for i, value in enumerate([0.0, math.nan, 7.0, 1.0])}
        text = printed(replace(report, layers=layers).to_table(), 80)
        assert "▁ █▂" in text


class TestCompare:
    def test_difference_has_the_error_of_both(self, report: Report) -> None:
        first = with_metrics(report, nc1_cdnv=MetricValue(2.0, 0.3), nc2_cos_std=MetricValue(0.5))
        second = with_metrics(report, nc1_cdnv=MetricValue(1.0, 0.4), nc2_cos_std=MetricValue(0.75, 0.1))
        cdnv, cosine = compare([first, second]).metrics
        assert cdnv.differences == (None, MetricValue(-1.0, 0.5))
        assert cosine.differences == (None, MetricValue(0.25, None))

    @pytest.mark.parametrize(
        ("name", "values", "most"),
        [
            ("nc1_cdnv", (2.0, 1.0, 3.0), 1),
            ("nc4_agreement", (0.2, 0.1, 0.3), 2),
            ("nc2_cos_mean", (0.2, 0.1, 0.3), None),
            ("nc1_cdnv", (1.0, 1.0, 3.0), None),
            ("nc1_cdnv", (2.0, math.nan, 1.0), 2),
            ("nc1_cdnv", (2.0, math.nan, math.nan), None),
            ("nc1_cdnv", (math.inf, 5.0, math.inf), 1),
            ("nc1_cdnv", (1.0, 1.0 - 1e-15, 3.0), None),
        ],
    )
    def test_most_collapsed_follows_the_direction(
        self, report: Report, name: str, values: tuple[float, ...], most: int | None
    ) -> None:
        (metric,) = compare([with_metrics(report, **{name: MetricValue(value)}) for value in values]).metrics
        assert metric.most_collapsed == most

    @pytest.mark.parametrize(
        ("second", "clear", "mark"),
        [(MetricValue(0.5, 0.1), True, "●"), (MetricValue(0.8, 0.1), False, "○"), (MetricValue(0.5), None, "●")],
    )
    def test_lead_within_two_standard_errors_is_marked_as_such(
        self, report: Report, second: MetricValue, clear: bool | None, mark: str
    ) -> None:
        comparison = compare([with_metrics(report, nc1_cdnv=metric) for metric in (MetricValue(1.0, 0.1), second)])
        assert comparison.metrics[0].clear is clear
        for text in (comparison.to_markdown(), printed(comparison.to_table(), 80)):
            (row,) = (line for line in text.splitlines() if "nc1_cdnv" in line)
            assert f"{mark} {'  '.join(value_and_error(second)).strip().replace('  ', ' ± ')}" in row
        assert comparison.to_dict()["metrics"]["nc1_cdnv"]["clear"] is clear

    def test_difference_that_rounds_to_nothing_has_no_minus(self, report: Report) -> None:
        pair = [with_metrics(report, nc2_cos_std=MetricValue(value, 0.1)) for value in (0.5, 0.5 - 1e-12)]
        assert "Δ +0.00 ± 0.14" in compare(pair).to_markdown()

    def test_metric_that_one_report_lacks_stays_empty(self, report: Report) -> None:
        other = with_metrics(report, nc1_pinv=MetricValue(1.0))
        comparison = compare([report, other])
        pinv = next(metric for metric in comparison.metrics if metric.name == "nc1_pinv")
        assert pinv.values == (None, MetricValue(1.0))
        assert pinv.differences == (None, None)
        assert pinv.most_collapsed is None
        assert "nc1_pinv" in printed(comparison.to_table(), 80)

    def test_same_circumstances_give_no_warning(self, report: Report) -> None:
        assert compare([report, replace(report, loss=1.0)]).warnings == ()

    @pytest.mark.parametrize(
        ("what", "change"),
        [
            ("corpus", lambda r: replace(r, corpus=replace(r.corpus, fingerprint="other"))),
            ("number of tokens", lambda r: replace(r, tokens=1)),
            ("min_count", lambda r: replace(r, classes=replace(r.classes, min_count=1))),
            ("packing", lambda r: replace(r, corpus=replace(r.corpus, packing="paper"))),
            ("shard", lambda r: replace(r, corpus=replace(r.corpus, shard="0/4"))),
            ("preset", lambda r: replace(r, preset="paper")),
            ("dtype", lambda r: replace(r, model=replace(r.model, dtype="bfloat16"))),
            ("the definition of nc1_cdnv", lambda r: replace(r, definitions={**r.definitions, "nc1_cdnv": "x"})),
            ("NC4", lambda r: replace(r, agreement=AgreementRecord(10, leave_one_out=False))),
        ],
    )
    def test_warns_of_what_makes_numbers_not_comparable(self, report: Report, what: str, change) -> None:
        comparison = compare([report, report, change(report)])
        (warning,) = comparison.warnings
        assert warning.startswith(f"{what} differs")
        shown = re.sub(r"\s+", " ", printed(comparison.to_table(), 80))
        assert warning in shown
        assert f"{what} differs" in comparison.to_markdown()
        assert comparison.to_dict()["warnings"] == [warning]

    def test_names_are_told_apart(self, report: Report) -> None:
        assert compare([report, report]).names == (f"{report.name} (1)", f"{report.name} (2)")

    def test_takes_two_reports(self, report: Report) -> None:
        with pytest.raises(InputError, match="two reports or more, not 1"):
            compare([report])

    def test_dict_is_strict_json(self, report: Report) -> None:
        odd = with_metrics(replace(report, loss=math.nan), nc1_cdnv=MetricValue(math.inf, 0.1))
        other = replace(odd, model=replace(report.model, id="other", revision=None))
        document = compare([odd, other]).to_dict()
        assert json.loads(json.dumps(document, allow_nan=False)) == document
        assert document["metrics"]["nc1_cdnv"]["values"]["other"] == {"value": None, "stderr": 0.1}
        assert document["undefined"]["metrics/nc1_cdnv/values/other/value"] == "inf"

    @pytest.mark.parametrize("width", [80, 120])
    def test_many_reports_fit_the_terminal(self, report: Report, width: int) -> None:
        reports = [with_metrics(report, nc1_cdnv=MetricValue(0.1 * n + 0.1234, 0.00012)) for n in range(7)]
        text = printed(compare(reports).to_table(), width)
        assert max(map(len, text.splitlines())) <= width
        for n in range(7):
            assert f"{0.1 * n + 0.1234:.5f} ± 0.00012" in text
        assert text.count("●") == 2  # the winner and the legend
