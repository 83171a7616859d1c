"""A report as one file: all of it, in the order of every form, with the digits of the JSON, and nothing loaded."""

from __future__ import annotations

import re

import pytest

from nc_hf.report import Report
from nc_hf.report.summary import dials, facts
from nc_hf.report.verdict import verdict
from nc_hf.report.words import circumstances, with_error
from tests.html_text import text_of
from tests.reports import SCHEMA_8


@pytest.fixture(scope="module")
def page() -> str:
    return Report.load(SCHEMA_8).to_html()


def without_scripts(page: str) -> str:
    return re.sub(r"<(script|style)\b.*?</\1>", "", page, flags=re.DOTALL)


def test_it_loads_nothing(page: str) -> None:
    assert not re.search(r"<(link|img|iframe|object|embed)\b", without_scripts(page))
    assert not re.search(r"\b(src|href|action|poster|srcset)\s*=\s*['\"]?(https?:)?//", without_scripts(page))
    assert not re.search(r"@import|url\(\s*['\"]?(https?:)?//", page.split("<body")[0])


def test_it_has_the_order_of_every_form(page: str) -> None:
    report, text = Report.load(SCHEMA_8), text_of(without_scripts(page))
    parts = [facts(report)[0][1], verdict(report).title, "NC4 nearest centre", "Pictures", "Values", "Definitions"]
    parts += ["By class frequency", "Most collapsed tokens", circumstances(report)[-1][1]]
    places = [text.rindex(part) if part == "By class frequency" else text.index(part) for part in parts]
    assert places == sorted(places)


def test_it_has_the_digits_of_the_report(page: str) -> None:
    report = Report.load(SCHEMA_8)
    shown = {name: text_of(cell) for name, cell in re.findall(r"data-metric='(\w+)'>(.*?)</td>", page)}
    assert shown == {name: with_error(metric) for name, metric in report.metrics.items()}
    assert re.findall(r"data-dial='(\w+)'", page) == [dial.name for dial in dials(report)]
    assert f"{report.tokens:,} tokens" in text_of(page)


def test_each_chart_has_a_still_for_print(page: str) -> None:
    figures = page.count("<figure class='chart'")
    assert figures == page.count("<div class='still' role='img'") > 0
    assert "This model is not drawn beside the 230 published ones: they were measured on TinyStories" in text_of(page)
