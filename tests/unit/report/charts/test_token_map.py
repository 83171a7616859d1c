"""The map as a specification: what it shows is what the report holds, and a browser's Vega-Lite takes it."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pytest

from nc_hf.report import Report
from nc_hf.report.charts.token_map import ARROWS, COLOURS, PLANES, STYLES, _frame, token_map
from tests.reports import BARE, SCHEMA_6, SCHEMA_8

REPORT = Report.load(SCHEMA_8)
TABLE = REPORT.token_table
assert TABLE is not None
assert TABLE.map is not None
MAP = TABLE.map
SPEC = token_map(REPORT)
assert SPEC is not None
ROWS = SPEC["data"]["values"]


def param(spec: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in spec["params"] if each["name"] == name)
    return found


def test_the_frame_holds_every_point_every_arrow_and_the_origin() -> None:
    for plane in MAP.planes:
        left, low, side = _frame(plane)
        for across in (0.0, *plane.x, *plane.row_x):
            assert left < across < left + side
        for along in (0.0, *plane.y, *plane.row_y):
            assert low < along < low + side


def test_it_is_said_in_words_too() -> None:
    assert SPEC is not None
    assert TABLE is not None
    said = SPEC["description"]
    assert f"15 of {TABLE.classes} tokens of {REPORT.name}" in said
    assert "51% of their variance" in said
    assert TABLE.most_collapsed[0].text in said
    assert TABLE.least_collapsed[0].text in said


@pytest.mark.parametrize("report", [BARE, Report.load(SCHEMA_6)])
def test_a_report_without_places_has_no_map(report: Report) -> None:
    assert token_map(report) is None


def test_where_no_class_differs_there_is_no_map() -> None:
    planes = [replace(plane, means_share=[math.nan, math.nan]) for plane in MAP.planes]
    assert TABLE is not None
    assert token_map(replace(REPORT, token_table=replace(TABLE, map=replace(MAP, planes=planes)))) is None


def test_it_is_strict_json_even_where_values_are_not_defined() -> None:
    assert TABLE is not None
    columns = replace(TABLE.columns, variability=[math.nan] * len(TABLE.columns.ids))
    spec = token_map(replace(REPORT, token_table=replace(TABLE, columns=columns)))
    assert spec is not None
    assert json.loads(json.dumps(spec, allow_nan=False)) == spec
    assert all(row["scatter"] is None for row in spec["data"]["values"])


class TestDrawn:
    """By Vega-Lite itself, as SVG."""

    def drawn(self, **chosen: str) -> str:
        converter = pytest.importorskip("vl_convert")
        spec = {**json.loads(json.dumps(SPEC)), "width": 500, "height": 400}
        for name, value in chosen.items():
            param(spec, name)["value"] = value
        svg: str = converter.vegalite_to_svg(spec, vl_version="6.4", config={"style": STYLES["light"]})
        return svg

    @staticmethod
    def arrows(svg: str) -> int:
        """Count them: a line and a head each."""
        marks = svg.count('fill="#d55e00"')
        assert marks % 2 == 0
        return marks // 2

    @pytest.mark.slow
    def test_arrows_are_drawn_where_they_are_asked_for(self) -> None:
        assert [self.arrows(self.drawn(arrows=each)) for each in ARROWS] == [0, 15, 15, 0]

    def test_every_plane_and_colour_is_drawn_with_its_heading(self) -> None:
        for colour in COLOURS:
            assert colour in self.drawn(colour=colour)
        for name, plane in zip(PLANES.values(), MAP.planes, strict=True):
            share = f"{100 * plane.means_share[0]:.1f} %"
            assert f"axis 1: {share} of variance" in self.drawn(plane=name)

    def test_what_is_searched_for_stands_out(self) -> None:
        hits = sum("␣a" in row["token"].lower() for row in ROWS)
        assert 0 < hits < len(ROWS)
        assert self.drawn(search=" A").count('stroke="#d55e00"') == hits, "a blank is a blank, whatever the case"
        assert self.drawn(search="no such token").count('stroke="#d55e00"') == 0
