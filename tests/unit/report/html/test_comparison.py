"""A comparison as HTML: the most collapsed marked, and what stands in the way."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nc_hf.report import Report, compare
from nc_hf.report.html import html_comparison
from nc_hf.report.words import with_error
from tests.html_text import rows, text_of
from tests.varied_reports import with_markup, with_values


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
    html = html_comparison(compare([marked, marked]))
    assert "<script" not in html
    assert "&lt;script&gt;" in html
