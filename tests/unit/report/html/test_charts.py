"""A chart in a page: its panels as JSON that ends no attribute, and a sentence where there is nothing to draw."""

from __future__ import annotations

import json
import re
from html import unescape

from nc_hf.report.charts.style import Chart, panel
from nc_hf.report.html.charts import html_chart

EVIL = "</figure>'&#39;<script>alert(1)</script>"


def test_panels_are_read_back_as_they_were() -> None:
    chart = Chart("layers", "A <b>title</b>", EVIL, (panel(EVIL, "said", [{"model": EVIL}], []),) * 2)
    html = html_chart(chart, "<svg></svg>")
    (data,) = re.findall(r"data-panels='(.*?)'", html)
    assert json.loads(unescape(data)) == list(chart.panels)
    assert "<script" not in html
    assert (
        html.count(f"<div class='panel' style='min-height:min({chart.panels[0]['height'] + 50}px, 100vw)'></div>") == 2
    )
    assert "A &lt;b&gt;title" in html
    assert "class='still' role='img' aria-label='A &lt;b&gt;title&lt;/b&gt;. said said'" in html


def test_where_nothing_is_drawn_the_note_says_why() -> None:
    html = html_chart(Chart("plane", "Title", "It is another text."))
    assert "It is another text." in html
    assert "<figure" not in html
