"""Charts drawn: whole pictures, one script, and one sentence where vl-convert is missing."""

from __future__ import annotations

import io
import re
import subprocess
import sys

import pytest
from PIL import Image

from nc_hf.report import Report
from nc_hf.report.charts.plane import plane_chart
from nc_hf.report.charts.render import Theme, script, to_png, to_svg, whole
from nc_hf.report.charts.style import THEMES
from nc_hf.report.charts.token_map import token_chart
from nc_hf.report.palette import DARK, LIGHT
from tests.reports import SCHEMA_8


def test_all_panels_are_in_one_picture() -> None:
    chart = plane_chart()
    assert len(whole(chart)["concat"]) == 4
    svg = to_svg(chart)
    assert all(panel["title"].split()[0] in svg for panel in chart.panels)
    assert not re.search(r"(href|src)=.https?:", svg)


def test_a_picture_of_one_panel_is_drawn_with_its_parameters() -> None:
    report = Report.load(SCHEMA_8)
    svg = to_svg(token_chart(report))
    assert report.token_table is not None
    assert report.token_table.columns.texts[0] in svg
    assert "of variance" in svg  # which plane it is follows from a parameter


@pytest.mark.parametrize(("theme", "paper"), [("light", LIGHT.paper), ("dark", DARK.paper)])
def test_a_picture_has_the_paper_of_its_theme(theme: Theme, paper: str) -> None:
    picture = Image.open(io.BytesIO(to_png(plane_chart(), theme, 0.5))).convert("RGB")
    assert "#{:02x}{:02x}{:02x}".format(*picture.getpixel((0, 0))) == paper
    assert len(picture.getcolors(10**6) or []) > 20


def test_the_script_has_both_themes_and_ends_no_element() -> None:
    bundle = script()
    assert "figure[data-chart]" in bundle
    for theme in THEMES.values():
        assert theme["style"]["mine"]["color"] in bundle
    assert "</script" not in bundle


def test_without_vl_convert_one_sentence_says_what_to_install() -> None:
    code = """
import sys
from importlib import util
find = util.find_spec
util.find_spec = lambda name, *rest: None if name == "vl_convert" else find(name, *rest)
from nc_hf.errors import NCError
from nc_hf.report.charts.plane import plane_chart
from nc_hf.report.charts.render import to_svg
try:
    to_svg(plane_chart())
except NCError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "charts on a page need vl_convert: pip install 'nc_hf[html]'."
