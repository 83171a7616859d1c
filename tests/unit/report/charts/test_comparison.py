"""A comparison: one order, one colour and one shape a model, in every panel."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nc_hf.errors import InputError
from nc_hf.report import Report
from nc_hf.report.charts.comparison import comparison_chart, look
from tests.varied_reports import with_values


def test_models_keep_order_colour_and_shape(report: Report) -> None:
    one = with_values(report, nc1_trace_ratio=0.5, nc4_agreement=0.3)
    other = replace(with_values(report, nc4_agreement=0.6, nc1_trace_ratio=0.4), model=replace(report.model, id="a/b"))
    names = [one.name, "a/b"]
    panels = comparison_chart([one, other]).panels
    assert [panel["title"].split()[0] for panel in panels] == ["nc1_trace_ratio", "nc4_agreement"]
    for panel in panels:
        assert [row["model"] for row in panel["data"]["values"]] == names
        assert panel["encoding"]["y"]["sort"] == names
        assert panel["encoding"]["color"]["scale"]["domain"] == names
        assert panel["layer"][1]["encoding"]["shape"]["scale"]["domain"] == names
        assert all(row["low"] < row["value"] < row["high"] for row in panel["data"]["values"])
    assert [row["foremost"] for row in panels[0]["data"]["values"]] == [False, True]


def test_no_model_is_foremost_where_the_reports_are_not_comparable(report: Report) -> None:
    one, other = with_values(report, nc4_agreement=0.3), with_values(report, nc4_agreement=0.6)
    chart = comparison_chart([one, replace(other, model=replace(other.model, dtype="bfloat16"))])
    assert "Not comparable as they are: the dtype differs" in chart.note
    assert not any(row["foremost"] for row in chart.panels[0]["data"]["values"])


def test_six_models_look_different() -> None:
    names = [f"m{place}" for place in range(6)]
    _, shape = look(names)
    assert len(set(shape["scale"]["range"])) == 6


def test_one_report_is_no_comparison(report: Report) -> None:
    with pytest.raises(InputError):
        comparison_chart([report])
