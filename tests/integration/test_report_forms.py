"""What every form of a report shows alike: directions, names that are markup, strata and tokens."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape

import pytest
from markdown_it import MarkdownIt

from nc_hf.report import MetricValue, Report, compare
from nc_hf.report.words import number
from tests.reports import REFERENCE, SCHEMA_1, printed, with_metrics


@pytest.fixture
def report() -> Report:
    return Report.load(REFERENCE)


class TestViews:
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
        assert printed(hostile.to_table(), 120).count(name) == 4
        for markdown in (hostile.to_markdown(), compare([report, hostile]).to_markdown()):
            html = MarkdownIt("commonmark").enable("table").render(markdown)
            assert "<img" not in html
            assert "<em>c" not in html
            assert "[bold]a|b&lt;img src=x&gt;*c*" in html

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

    @pytest.mark.slow
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
