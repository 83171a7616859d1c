"""Charts on the page."""

from __future__ import annotations

import json
import re
from html import unescape

import pytest

pytest.importorskip("gradio")

from starlette.applications import Starlette
from starlette.testclient import TestClient

from nc_hf.space.chart import chart_html, library_route


def test_a_figure_carries_its_specification_and_says_what_it_shows() -> None:
    spec = {"data": {"values": [{"model": "<script>'\""}]}}
    html = chart_html(spec, "it's <b>")
    assert "<script" not in html
    assert "<b>" not in html
    found = re.search(r"data-chart='([^']*)'", html)
    assert found is not None
    assert json.loads(unescape(found[1])) == spec
    with pytest.raises(ValueError, match="Out of range"):
        chart_html({"value": float("nan")}, "")


def test_the_library_comes_from_the_page_and_is_kept() -> None:
    answer = TestClient(Starlette(routes=[library_route()])).get("/vega.js?1")
    assert answer.status_code == 200
    assert "window.vegaEmbed=" in answer.text
    assert "immutable" in answer.headers["cache-control"]
