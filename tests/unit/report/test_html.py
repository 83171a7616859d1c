"""A report as HTML: the digits of every other form, and no markup from outside."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from html import unescape

import pytest

from nc_hf.report import Report, compare
from nc_hf.report.html import (
    Column,
    html_circumstances,
    html_comparison,
    html_metrics,
    html_tokens,
    html_verdict,
)
from nc_hf.report.verdict import verdict
from nc_hf.report.words import circumstances, with_error
from tests.varied_reports import with_markup, with_values


def text_of(html: str) -> str:
    """What a reader sees."""
    return unescape(re.sub(r"<[^>]*>", "", html))


def rows(html: str) -> list[list[str]]:
    """The cells of a table, as a reader sees them."""
    found = (re.findall(r"<t[hd].*?</t[hd]>", row) for row in re.findall(r"<tr.*?</tr>", html))
    return [[text_of(cell) for cell in row] for row in found]


def test_every_value_stands_with_its_error_beside_its_definition(report: Report) -> None:
    html = html_metrics(report)
    digits = dict(re.findall(r"data-metric='(\w+)'>(.*?)</td>", html))
    assert {name: text_of(cell) for name, cell in digits.items()} == {
        name: with_error(metric) for name, metric in report.metrics.items()
    }
    for formula in report.definitions.values():
        assert formula in unescape(html)


def test_a_page_adds_a_column_of_its_own(report: Report) -> None:
    plain, own = html_metrics(report), html_metrics(report, Column("Rank & file", {"nc4_agreement": "<b>first</b>"}))
    assert rows(plain)[0] == ["Metric", "Value", "Definition"]
    assert rows(own)[0] == ["Metric", "Value", "Rank & file", "Definition"]
    assert [row[:2] + row[3:] for row in rows(own)[1:]] == [row[:2] + row[2:] for row in rows(plain)[1:]]
    assert [row[2] for row in rows(own)[1:] if len(row) == 4 and row[2]] == ["first"]
    assert "colspan='3'" in plain
    assert "colspan='4'" in own


def test_the_verdict_is_a_card(report: Report) -> None:
    said = verdict(with_values(report, nc1_trace_ratio=0.05, nc4_agreement=0.95))
    card = html_verdict("a/b@main", said, "A remark")
    for part in ("a/b@main", said.title, said.basis, "A remark", *said.warnings()):
        assert part in text_of(card)
    for finding in said.findings:
        assert f"{finding.question}{finding.answer}. {finding.reason}" in text_of(card)
    assert "class=note" not in html_verdict("a/b", said)


def test_circumstances_are_those_of_every_form(report: Report) -> None:
    assert rows(html_circumstances(report)) == [list(pair) for pair in circumstances(report)]


def test_the_ten_first_tokens_of_either_end_are_shown(report: Report) -> None:
    assert html_tokens(replace(report, token_table=None)) == ""
    table = report.token_table
    assert table is not None
    shown = [row[0] for row in rows(html_tokens(report)) if row[0] != "Token"]
    assert shown == [each.text for each in (*table.most_collapsed[:10], *table.least_collapsed[:10])]


@pytest.mark.parametrize(("second", "mark"), [(0.9, "●"), (0.3005, "○"), (0.3, "")])
def test_the_most_collapsed_of_a_comparison_is_marked(report: Report, second: float, mark: str) -> None:
    reports = [with_values(report, nc4_agreement=value) for value in (0.3, second)]
    comparison = compare(reports)
    _, losses, row = rows(html_comparison(comparison))
    assert losses[1:] == [f"{report.loss:.4f}"] * 2
    digits = [with_error(each.metrics["nc4_agreement"]) for each in reports]
    assert row[1:] == [digits[0], f"{mark}{digits[1]}"]


def test_what_stands_in_the_way_of_a_comparison_is_said(report: Report) -> None:
    comparison = compare([report, replace(report, tokens=5, preset="full")])
    assert comparison.warnings
    html = text_of(html_comparison(comparison))
    assert all(f"Not comparable as they are: {warning}" in html for warning in comparison.warnings)


def test_markup_in_names_is_shown_not_obeyed(report: Report) -> None:
    marked = with_markup(report, "<script>alert(1)</script>")
    table = marked.token_table
    assert table is not None
    named = [replace(each, text=marked.model.id, nearest_text=marked.model.id) for each in table.most_collapsed]
    marked = replace(marked, token_table=replace(table, most_collapsed=named))
    for html in (
        html_verdict(marked.name, verdict(marked)),
        html_metrics(marked),
        html_circumstances(marked),
        html_tokens(marked),
        html_comparison(compare([marked, marked])),
    ):
        assert "<script" not in html
        assert "&lt;script&gt;" in html


def test_it_needs_no_page() -> None:
    code = (
        "import sys; import nc_hf.report.html;"
        "print([name for name in ('torch', 'transformers', 'gradio', 'rich', 'nc_hf.space') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
