"""The picture of a result: its size, what stands in it, and that nothing is cut off."""

from __future__ import annotations

import io
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from nc_hf.report import Report
from nc_hf.report.charts.share import share_png, share_svg
from nc_hf.report.summary import dials
from nc_hf.report.verdict import verdict
from tests.reports import SCHEMA_6
from tests.varied_reports import with_markup

LONG = f"{'o' * 90}/{'W' * 90}"


def words(svg: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


@pytest.mark.parametrize("name", ["a/b", LONG])
def test_it_is_1200_by_630_and_nothing_reaches_the_edge(name: str) -> None:
    report = Report.load(SCHEMA_6)
    named = replace(report, model=replace(report.model, id=name))
    picture = Image.open(io.BytesIO(share_png(named))).convert("L")
    assert picture.size == (1200, 630)
    margin = np.asarray(picture)[20:, 1150:]
    assert margin.min() > 250
    assert np.asarray(picture)[90:140, :1150].min() < 60, "the name is there"


def test_model_verdict_dials_and_provenance_stand_in_it() -> None:
    report = Report.load(SCHEMA_6)
    found = words(share_svg(report))
    assert verdict(report).title in found
    for dial in dials(report):
        assert {dial.value, dial.between, dial.answer} <= set(found)
    whole = " ".join(found)
    assert "19,972 tokens, 191 classes" in whole
    assert "commit 8835723, 2026-11-25, preset core" in whole


def test_cautions_are_counted_beside_the_verdict() -> None:
    report = replace(Report.load(SCHEMA_6), tokens=500)
    count = len(verdict(report).cautions)
    assert count
    assert any(
        f"With {'a caution' if count == 1 else f'{count} cautions'}." in text for text in words(share_svg(report))
    )


def test_without_a_verdict_no_value_is_shown() -> None:
    report = replace(Report.load(SCHEMA_6), loss=9.0)
    found = words(share_svg(report))
    assert "No verdict" in found
    assert "does not read this text (its loss of 9.00" in " ".join(found)
    assert not {dial.value for dial in dials(replace(report, loss=1.4))} & set(found)


def test_markup_in_names_is_text() -> None:
    svg = share_svg(with_markup(Report.load(SCHEMA_6), "<script>&'\"</script>"))
    assert "<script>&'\"</script>" in words(svg)
