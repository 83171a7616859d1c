"""One look for both pages."""

from __future__ import annotations

import importlib.util

import pytest

pytest.importorskip("gradio")

from nc_hf.report.html import RESULT_STYLE
from nc_hf.space.look import STYLE, heading, theme
from nc_hf.space.page import launch_options
from tests.paths import ROOT
from tests.space import made


def test_a_heading_is_text() -> None:
    assert heading("A <b>", "it's") == "<h1>A &lt;b&gt;</h1><p>it's</p>"


def test_the_sister_page_has_the_theme_and_the_style_of_this_one() -> None:
    pytest.importorskip("evaluate")
    path = ROOT / "spaces" / "neural_collapse" / "app.py"
    spec = importlib.util.spec_from_file_location("sister", path)
    assert spec is not None
    assert spec.loader is not None
    sister = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sister)
    theirs, ours = sister.launch_options(), launch_options()
    assert STYLE.is_file()
    assert theirs["css_paths"] == ours["css_paths"] == [RESULT_STYLE, STYLE]
    assert theirs["theme"].to_dict() == ours["theme"].to_dict() == theme().to_dict()
    assert made(sister.build).title == "Neural collapse of features and a head"
