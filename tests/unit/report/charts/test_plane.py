"""The plane: grey models, this one with its error, and a sentence where the comparison does not hold."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nc_hf.report import MetricValue, Report
from nc_hf.report.charts.plane import plane_chart
from nc_hf.report.charts.published import published
from nc_hf.report.charts.style import Spec
from nc_hf.report.intervals import interval
from tests.reports import with_metrics
from tests.varied_reports import like_the_published, with_values


def rows(panel: Spec, kind: str) -> list[Spec]:
    return [row for row in panel["data"]["values"] if row["kind"] == kind]


def test_without_a_report_it_shows_the_published_models_alone() -> None:
    chart = plane_chart()
    assert len(chart.panels) == 4
    for panel, (name, values) in zip(chart.panels, published()["metrics"].items(), strict=True):
        assert [row["value"] for row in rows(panel, "published")] == values
        assert panel["title"].startswith(name)
        assert len(panel["layer"]) == 1
    assert "230 models" in chart.note
    assert "this model" not in chart.note


def test_a_report_stands_among_them_with_its_intervals(report: Report) -> None:
    metric = MetricValue(0.3, 0.02)
    mine = like_the_published(with_metrics(report, nc4_agreement=metric, nc1_cdnv_paper=MetricValue(0.1, 0.01)))
    first, gnc2, _, nc4 = plane_chart(mine).panels
    (row,) = rows(nc4, "mine")
    assert (row["value"], row["loss"], row["model"]) == (0.3, mine.loss, mine.name)
    assert (row["low"], row["high"]) == interval("nc4_agreement", metric, 10)
    assert not rows(gnc2, "mine"), "it was not measured"
    assert not rows(first, "mine"), "the published NC1 falls with the sample"
    assert "gnc2_log_std_ratio, unc3_cos_std" in plane_chart(mine).note
    assert "of this model it is 0.3." in nc4["description"]


def test_other_results_have_a_shape_of_their_own(report: Report) -> None:
    mine = like_the_published(with_values(report, nc4_agreement=0.3))
    other = with_values(mine, nc4_agreement=0.2)
    foreign = with_values(report, nc4_agreement=0.1)
    panel = plane_chart(mine, [other, foreign]).panels[-1]
    assert [row["value"] for row in rows(panel, "other")] == [0.2]
    styles = [layer["mark"]["style"] for layer in panel["layer"]]
    assert styles == ["behind", "others", "error", "error", "mine"]


@pytest.mark.parametrize("change", [{"loss": 12.0}, {"tokens": 99_999}])
def test_where_it_does_not_hold_a_sentence_stands_instead(report: Report, change: dict[str, float]) -> None:
    mine = like_the_published(with_values(report, nc4_agreement=0.3))
    chart = plane_chart(replace(mine, **change))
    assert bool(chart.panels) == ("tokens" in change)
    if not chart.panels:
        assert chart.note.startswith("This model is not drawn beside the 230 published ones: there is no verdict")
