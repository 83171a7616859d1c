"""A report on the terminal: every number whole, curves over the layers."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import pytest

from nc_hf.metrics import METRICS
from nc_hf.report import MetricValue, Report
from nc_hf.report.summary import dials
from nc_hf.report.words import value_and_error
from tests.reports import printed, with_metrics


class TestViews:
    @pytest.mark.parametrize("width", [80, 120])
    def test_terminal_shows_every_number_whole(self, report: Report, width: int) -> None:
        values = {name: MetricValue(0.123456 * 10**place, 0.00321) for place, name in enumerate([*METRICS][:5])}
        values |= {name: MetricValue(-123456.7, 2345.6) for name in [*METRICS][5:]}
        text = printed(with_metrics(report, **values).to_table(), width)
        assert max(map(len, text.splitlines())) <= width
        for name, metric in values.items():
            row = next(line.split() for line in text.splitlines() if line.startswith(f"    {name} "))
            assert tuple(row[2:4]) == value_and_error(metric)
        for entry in (report.corpus.fingerprint, f"{report.tokens:,}", f"{report.loss:.4f}", report.created):
            assert entry in re.sub(r"\s*\n\s*", "", text)

    def test_what_was_found_stands_before_its_circumstances(self, report: Report) -> None:
        lines = [line.strip() for line in printed(report.to_table(), 80).splitlines()]
        headings = ["Verdict", "Dials", "Metrics (core)", "By class frequency", "Tokens", "Circumstances"]
        places = [lines.index(heading) for heading in headings]
        assert places == sorted(places)
        assert places[0] < 10, "a few lines say what was measured"
        for dial in dials(report):
            (row,) = [line for line in lines[places[1] : places[2]] if line.startswith(dial.title)]
            assert row.split()[-len(" ".join(dial.row).split()) :] == " ".join(dial.row).split()

    def test_curve_over_the_layers_follows_the_values(self, report: Report) -> None:
        layers = {f"layer.{i}": {"nc1_cdnv": MetricValue(value)} for i, value in enumerate([0.0, math.nan, 7.0, 1.0])}
        text = printed(replace(report, layers=layers).to_table(), 80)
        assert "▁ █▂" in text

    def test_layer_that_lacks_a_metric_is_blank_and_not_undefined(self, report: Report) -> None:
        layers = {"layer.0": {"nc1_cdnv": MetricValue(2.0)}, "final": {"nc3_cos_mean_centred": MetricValue(0.25)}}
        text = printed(replace(report, layers=layers, diagnostics={}).to_table(), 80)
        rows = [line.split() for line in text[text.index("Over the layers") :].splitlines()]
        assert ["nc1_cdnv", "↓", "2.000", "▁"] in rows
        assert ["nc3_cos_mean_centred", "↑", "▁", "0.2500"] in rows
        assert "undefined" not in text[text.index("Over the layers") :]

    def test_errors_by_layer_are_said_to_be_elsewhere(self, report: Report) -> None:
        bare = replace(report, layers={"layer.0": {"nc1_cdnv": MetricValue(2.0)}, "final": {}})
        assert "by layer" not in printed(bare.to_table(), 80)
        with_error = replace(bare, layers={**bare.layers, "final": {"nc1_cdnv": MetricValue(1.0, 0.1)}})
        assert "Standard errors by layer: Markdown and JSON hold them." in printed(with_error.to_table(), 80)
