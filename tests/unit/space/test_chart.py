"""The script that draws charts."""

from __future__ import annotations

import pytest

pytest.importorskip("gradio")
pytest.importorskip("vl_convert")

from starlette.applications import Starlette
from starlette.testclient import TestClient

from nc_hf.space.chart import TAG, library_route


def test_the_script_comes_from_the_page_and_is_kept() -> None:
    answer = TestClient(Starlette(routes=[library_route()])).get("/vega.js?1")
    assert answer.status_code == 200
    assert "ncCharts" in answer.text
    assert "immutable" in answer.headers["cache-control"]
    assert "src='vega.js?" in TAG
