"""The published models, and which reports may be held against them."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from nc_hf.report import Report
from nc_hf.report.charts.published import CLASSES, VOCABULARY, WIDTHS, obstacle, published
from tests.paths import ROOT
from tests.varied_reports import like_the_published, with_values


def test_the_file_is_what_the_command_makes_of_the_published_ones(shared_data: Path) -> None:
    sys.path.insert(0, str(ROOT / "docs"))
    from published_models import document

    assert document(str(shared_data / "published")) == published()


def test_every_model_has_every_value() -> None:
    known = published()
    lengths = {len(known["models"]), len(known["loss"]), *map(len, known["metrics"].values())}
    assert lengths == {230}
    assert "arXiv 2405.17767" in known["source"]
    assert known["licence"]


def test_it_takes_the_text_the_tokens_and_a_width_of_the_published_models(report: Report) -> None:
    mine = like_the_published(with_values(report, nc4_agreement=0.3, nc1_trace_ratio=0.5))
    least = int(published()["classes"] / CLASSES)

    def wide(width: int) -> Report:
        return replace(mine, model=replace(mine.model, head={**mine.model.head, "dim": width}))

    def of(**changes: int) -> Report:
        return replace(mine, classes=replace(mine.classes, **changes))

    def reading(source: str) -> Report:
        return replace(mine, corpus=replace(mine.corpus, source=source))

    alike = [mine, wide(WIDTHS[0]), wide(WIDTHS[-1]), of(used=least + 1), of(vocab_size=VOCABULARY[-1])]
    assert [obstacle(each) for each in [*alike, reading("hub:roneneldan/TinyStories::train")]] == [None] * 6
    for other, why in (
        (wide(WIDTHS[0] - 1), "64 to 1,024 wide"),
        (wide(WIDTHS[-1] + 1), "64 to 1,024 wide"),
        (of(used=least), "29,233 classes"),
        (of(vocab_size=512), "here there are 512 others"),
        (reading("builtin"), "another text"),
        (reading("hub:someone/TinyStories"), "another text"),
    ):
        assert why in str(obstacle(other))


@pytest.mark.parametrize("loss", [11.0])
def test_what_leaves_no_verdict_is_held_against_nothing(report: Report, loss: float) -> None:
    unread = replace(like_the_published(with_values(report, nc4_agreement=0.9)), loss=loss)
    assert obstacle(unread) == "there is no verdict: the model does not read this text"
