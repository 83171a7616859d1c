"""Tables below the values: circumstances and tokens."""

from __future__ import annotations

from dataclasses import replace

from nc_hf.report import Report
from nc_hf.report.html import html_circumstances, html_tokens
from nc_hf.report.words import circumstances
from tests.html_text import rows
from tests.varied_reports import with_markup


def test_circumstances_are_those_of_every_form(report: Report) -> None:
    assert rows(html_circumstances(report)) == [list(pair) for pair in circumstances(report)]


def test_the_ten_first_tokens_of_either_end_are_shown(report: Report) -> None:
    assert html_tokens(replace(report, token_table=None)) == ""
    table = report.token_table
    assert table is not None
    shown = [row[0] for row in rows(html_tokens(report)) if row[0] != "Token"]
    assert shown == [each.text for each in (*table.most_collapsed[:10], *table.least_collapsed[:10])]


def test_markup_in_names_is_shown_not_obeyed(report: Report) -> None:
    marked = with_markup(report, "<script>alert(1)</script>")
    table = marked.token_table
    assert table is not None
    named = [replace(each, text=marked.model.id, nearest_text=marked.model.id) for each in table.most_collapsed]
    marked = replace(marked, token_table=replace(table, most_collapsed=named))
    for html in (html_circumstances(marked), html_tokens(marked)):
        assert "<script" not in html
        assert "&lt;script&gt;" in html
