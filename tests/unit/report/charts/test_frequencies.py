"""Several reports by frequency: the order and the look of the comparison, and only bins that are numbers."""

from __future__ import annotations

from dataclasses import replace

from nc_hf.report import Report
from nc_hf.report.charts import comparison_chart, frequencies_chart
from tests.reports import REFERENCE


def test_lines_have_the_order_and_the_look_of_the_comparison() -> None:
    one = Report.load(REFERENCE)
    other = replace(one, model=replace(one.model, id="a/b"))
    names = [one.name, other.name]
    panels = frequencies_chart([one, other]).panels
    assert [panel["title"].split()[0] for panel in panels] == ["nc1_trace_ratio", "nc4_agreement"]
    known = comparison_chart([one, other]).panels[0]
    for panel in panels:
        colour, shape = panel["encoding"]["color"], panel["layer"][1]["encoding"]["shape"]
        assert colour["scale"] == known["encoding"]["color"]["scale"]
        assert shape["scale"] == known["layer"][1]["encoding"]["shape"]["scale"]
        assert list(dict.fromkeys(row["model"] for row in panel["data"]["values"])) == names
    used = [stratum for stratum in one.strata if stratum.used]
    mine = [row["value"] for row in panels[0]["data"]["values"] if row["model"] == names[0]]
    assert mine == [stratum.metrics["nc1_trace_ratio"] for stratum in used]
    assert all(name in panels[0]["description"] for name in names)


def test_reports_without_bins_are_told_so() -> None:
    bare = replace(Report.load(REFERENCE), strata=[])
    chart = frequencies_chart([bare, replace(bare, model=replace(bare.model, id="a/b"))])
    assert not chart.panels
    assert "no bins" in chart.note
