"""The table of metrics: the digits of every other form, and no markup from outside."""

from __future__ import annotations

import re
from dataclasses import replace

from nc_hf.report import Report
from nc_hf.report.html import html_metrics
from nc_hf.report.words import number, with_error
from tests.html_text import rows, text_of


def test_every_value_stands_with_its_error(report: Report) -> None:
    html = html_metrics(report)
    digits = dict(re.findall(r"data-metric='(\w+)'>(.*?)</td>", html))
    assert {name: text_of(cell) for name, cell in digits.items()} == {
        name: with_error(metric) for name, metric in report.metrics.items()
    }
    assert rows(html)[0] == ["Metric", "Value"]


def test_the_untrained_model_has_a_column_where_it_is_known(report: Report) -> None:
    known = replace(report, untrained={"nc4_agreement": 0.00125})
    found = rows(html_metrics(known))
    assert found[0] == ["Metric", "Value", "Untrained"]
    marks = {row[0].split("↑")[0].split("↓")[0].split("—")[0]: row[2] for row in found if len(row) == 3}
    assert marks.pop("nc4_agreement") == number(0.00125)
    assert set(marks.values()) == {"Untrained", ""}
