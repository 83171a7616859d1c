"""The top of a report as HTML: what it is of, the verdict, and dials that say what they show."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from nc_hf.report import MetricValue, Report
from nc_hf.report.html import html_summary, html_verdict
from nc_hf.report.summary import dials, facts
from nc_hf.report.verdict import verdict
from tests.html_text import text_of
from tests.reports import with_metrics
from tests.varied_reports import with_markup, with_values


def test_the_verdict_is_a_card(report: Report) -> None:
    said = verdict(with_values(report, nc1_trace_ratio=0.05, nc4_agreement=0.95))
    card = html_verdict(said, "A remark")
    for part in (said.title, said.basis, "A remark", *said.warnings()):
        assert part in text_of(card)
    for finding in said.findings:
        assert f"{finding.question}{finding.answer}. {finding.reason}" in text_of(card)
    assert "class=note" not in html_verdict(said)


def test_the_facts_stand_above_the_verdict_and_the_dials_below(report: Report) -> None:
    shown = with_values(report, nc1_trace_ratio=0.05, nc4_agreement=0.95)
    html = html_summary(shown)
    text = text_of(html)
    places = [text.index(part) for part in (shown.name, facts(shown)[-1][1], verdict(shown).title, "NC4 nearest")]
    assert places == sorted(places)
    assert [text_of(cell) for cell in re.findall(r"data-dial='\w+'>(.*?)</p>", html)] == [
        f"{dial.value} {dial.between}" for dial in dials(shown)
    ]


def test_a_gauge_shows_value_interval_limits_and_the_untrained_model(report: Report) -> None:
    shown = replace(with_metrics(report, nc4_agreement=MetricValue(0.6, 0.01)), untrained={"nc4_agreement": 0.02})
    html = html_summary(shown)
    assert re.findall(r"class='(\w+)' style='left:([\d.]+)%", html) == [
        ("limit", "90.0"), ("limit", "50.0"), ("interval", "57.7"), ("untrained", "2.0"), ("mark", "60.0"),
    ]  # fmt: skip
    (label,) = re.findall(r"role='img' aria-label='(.*?)'", html)
    assert label == dials(shown)[0].sentence
    assert "hollow: untrained" in html
    assert "hollow" not in html_summary(replace(shown, untrained={}))


@pytest.mark.parametrize("loss", [1.0, 9.0])
def test_no_dial_without_a_verdict(report: Report, loss: float) -> None:
    html = html_summary(replace(with_values(report, nc4_agreement=0.95), loss=loss))
    assert ("class='gauge'" in html) == (loss == 1.0)


def test_markup_in_names_is_shown_not_obeyed(report: Report) -> None:
    html = html_summary(with_markup(report, "<script>alert(1)</script>"))
    assert "<script" not in html
    assert "&lt;script&gt;" in html
