"""A result as the picture of a link's preview."""

from __future__ import annotations

from dataclasses import replace

import pytest

pytest.importorskip("matplotlib")

from matplotlib.figure import Figure

from nc_hf.report import Report
from nc_hf.report.figures.share import SIZE, share_figure
from nc_hf.report.words import value_and_error
from tests.reports import REFERENCE


def words(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.texts]


def named(report: Report, name: str) -> Report:
    return replace(report, model=replace(report.model, id=name))


@pytest.fixture(scope="module")
def report() -> Report:
    return Report.load(REFERENCE)


def test_it_shows_model_verdict_values_and_what_they_rest_on(report: Report) -> None:
    said = words(share_figure(named(report, "owner/model")))
    assert "owner/model" in said
    for metric in ("nc1_trace_ratio", "gnc2_log_std_ratio", "nc3_cos_mean_centred", "nc4_agreement"):
        value, error = value_and_error(report.metrics[metric])
        assert {value, f"± {error}"} <= set(said)
    assert any(f"{report.tokens:,} tokens" in text for text in said)


def test_without_a_verdict_there_is_no_value(report: Report) -> None:
    said = words(share_figure(replace(report, loss=20.0)))
    assert "No verdict" in said
    assert value_and_error(report.metrics["nc1_trace_ratio"])[0] not in said


@pytest.mark.parametrize("name", ["a/b", "W" * 96, f"{'o' * 40}/a_{{b}}$x^2$-{'m' * 60}"])
def test_every_line_ends_within_the_picture(report: Report, name: str) -> None:
    figure = share_figure(named(report, name))
    figure.draw_without_rendering()
    assert tuple(figure.bbox.size) == SIZE
    for text in figure.texts:
        box = text.get_window_extent()
        assert box.x0 >= 0
        assert box.x1 <= SIZE[0], text.get_text()
