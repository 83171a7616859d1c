"""Earlier results as HTML."""

from __future__ import annotations

import re
from dataclasses import replace

from nc_hf.report import MetricValue, Report
from nc_hf.report.words import with_error
from nc_hf.space.earlier_table import MEASURED, earlier_table
from tests.kept_results import kept_result
from tests.varied_reports import report as report
from tests.varied_reports import with_markup


def cell(html: str, label: str) -> tuple[str, str]:
    """What a cell is sorted by, and what it shows."""
    found = re.search(rf"<td data-label='{label}'[^>]* data-sort='([^']*)'>(.*?)</td>", html)
    assert found is not None
    return found[1], re.sub(r"<[^>]+>", " ", found[2]).strip()


def test_a_row_has_the_digits_of_its_report_and_sorts_by_all_of_them(report: Report) -> None:
    html = earlier_table([kept_result(report, 7, nc1_trace_ratio=0.123456789)])
    by, shown = cell(html, "NC1")
    assert float(by) == 0.123456789
    assert shown == with_error(MetricValue(0.123456789, 0.00123456789)) == "0.1235 ± 0.0012"
    assert cell(html, "Loss")[0] == repr(report.loss)
    assert len(MEASURED) == 4


def test_what_is_missing_or_no_number_sorts_by_nothing(report: Report) -> None:
    undefined = kept_result(report, 1, nc1_trace_ratio=float("nan"))
    assert (
        cell(earlier_table([undefined]), "NC1") == ("", "undefined  nan")
        or cell(earlier_table([undefined]), "NC1")[0] == ""
    )
    without = replace(undefined, report=replace(report, metrics={}))
    assert cell(earlier_table([without]), "NC4") == ("", "")


def test_the_verdict_sorts_by_collapse_and_not_by_letters(report: Report) -> None:
    strong = kept_result(report, 1, nc1_trace_ratio=0.05, nc4_agreement=0.95)
    slight = kept_result(report, 2, nc1_trace_ratio=0.5, nc4_agreement=0.1)
    unread = replace(strong, report=replace(strong.report, tokens=2, loss=20.0))
    marks = [cell(earlier_table([each]), "Verdict") for each in (strong, slight, unread)]
    assert [shown for _, shown in marks] == ["Strongly collapsed", "Collapsed in one respect only", "No verdict"]
    assert float(marks[0][0]) > float(marks[1][0])
    assert marks[2][0] == ""


def test_only_results_of_one_text_budget_and_preset_may_be_ticked_together(report: Report) -> None:
    kept = [
        kept_result(report, 0),
        kept_result(report, 1),
        kept_result(report, 2, corpus="tinystories"),
        kept_result(report, 3, budget=1_000),
        kept_result(report, 4, preset="paper"),
    ]
    alike = re.findall(r"data-alike='([^']*)'", earlier_table(kept))
    assert alike[0] == alike[1]
    assert len(set(alike)) == 4


def test_filters_offer_what_there_is(report: Report) -> None:
    html = earlier_table(
        [kept_result(report, 0, budget=200_000), kept_result(report, 1, corpus="hub:a/b", budget=3_000)]
    )
    assert re.findall(r"<option value='([^']+)'", html) == ["builtin", "hub:a/b", "3000", "200000"]
    assert "No result is kept yet" in earlier_table([])


def test_markup_is_shown_not_obeyed(report: Report) -> None:
    evil = "'><script>alert(1)</script>"
    kept = kept_result(report, 0, model=evil, revision=evil, corpus=f"hub:{evil}")
    html = earlier_table([replace(kept, report=with_markup(kept.report, evil))])
    assert "<script" not in html
    assert "'>&lt;script" not in html
    assert "&#x27;&gt;&lt;script&gt;" in html
