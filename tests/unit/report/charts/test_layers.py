"""Layers: every metric that two of them have, against depth."""

from __future__ import annotations

import math
from dataclasses import replace

from nc_hf.report import MetricValue, Report
from nc_hf.report.charts.layers import layers_chart
from nc_hf.report.record import OutlierRecord

NC1, NC3 = "nc1_trace_ratio", "nc3_cos_mean_centred"


def layered(report: Report, stderr: float | None) -> Report:
    layers = {f"layer.{depth}": {NC1: MetricValue(3.0 - depth, stderr)} for depth in range(11)}
    layers["layer.10"] = {NC1: MetricValue(0.25, stderr)}
    return replace(report, layers={**layers, "final": {NC1: MetricValue(0.2, 0.01), NC3: MetricValue(0.5, 0.01)}})


def test_a_metric_of_two_layers_or_more_is_drawn_in_their_order(report: Report) -> None:
    (panel,) = layers_chart(layered(report, 0.1)).panels
    assert panel["title"] == f"{NC1} ↓"
    order = [f"layer.{depth}" for depth in range(11)] + ["final"]
    assert [row["layer"] for row in panel["data"]["values"]] == order
    assert panel["layer"][1]["encoding"]["x"]["sort"] == order
    assert panel["data"]["values"][0]["high"] > 3.2


def test_errors_that_were_not_asked_for_are_said_to_be_missing(report: Report) -> None:
    assert "layer_errors" in layers_chart(layered(report, None)).note
    assert "layer_errors" not in layers_chart(layered(report, 0.1)).note


def test_what_was_kept_out_is_said(report: Report) -> None:
    odd = replace(layered(report, 0.1), outliers={"layer.3": OutlierRecord([0, 1], 0.9)})
    assert "layer.3: without the tokens at 2 positions" in layers_chart(odd).note


def test_layers_without_a_number_are_said_to_have_none(report: Report) -> None:
    empty = replace(report, layers={name: {NC1: MetricValue(math.nan)} for name in ("layer.0", "final")})
    assert layers_chart(empty).panels == ()
    assert "No metric has a number" in layers_chart(empty).note


def test_without_layers_a_sentence_says_how_to_have_them(report: Report) -> None:
    chart = layers_chart(replace(report, layers={}))
    assert chart.panels == ()
    assert 'layers="all"' in chart.note
