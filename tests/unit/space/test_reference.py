"""Where a value ranks among reference models."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from nc_hf.report import Report
from nc_hf.space.reference import CLASSES, REFERENCE, VOCABULARY, WIDTHS, is_comparable, published_share, ranks
from tests.paths import ROOT
from tests.varied_reports import like_the_published, with_values
from tests.varied_reports import report as report


def test_the_reference_is_what_the_command_makes_of_the_published_files(shared_data: Path) -> None:
    sys.path.insert(0, str(ROOT / "docs"))
    from space_reference import reference

    assert reference(str(shared_data / "published")) == REFERENCE


def test_a_value_is_ranked_by_the_quantiles_in_the_metric_s_direction(report: Report) -> None:
    up, down = REFERENCE["quantiles"]["nc4_agreement"], REFERENCE["quantiles"]["nc2_cos_std"]
    assert published_share("nc4_agreement", up[10]) == pytest.approx(0.5)
    assert published_share("nc2_cos_std", down[5]) == pytest.approx(0.75)
    assert published_share("nc4_agreement", (up[4] + up[5]) / 2) == pytest.approx(0.225)
    assert published_share("nc2_cos_std", 0.0) == 1.0
    assert published_share("nc1_cdnv_paper", 0.001) is None, "the published CDNV is comparable with nothing else"
    mine = with_values(report, nc1_trace_ratio=0.5, nc2_cos_mean=0.0, nc4_agreement=0.3)
    others = [with_values(report, nc1_trace_ratio=value) for value in (0.4, 0.6, 0.7)]
    found = ranks(mine, others)
    assert (found["nc1_trace_ratio"].kept, found["nc1_trace_ratio"].among) == (2, 3)
    assert found["nc4_agreement"].among == 0
    assert "nc2_cos_mean" not in found, "it has no direction"


def test_a_place_takes_the_text_the_tokens_and_a_width_of_the_published_models(report: Report) -> None:
    mine = like_the_published(with_values(report, nc4_agreement=0.3, nc1_trace_ratio=0.5))
    least = REFERENCE["classes"] / CLASSES

    def wide(width: int) -> Report:
        return replace(mine, model=replace(mine.model, head={**mine.model.head, "dim": width}))

    def of(**changes: int) -> Report:
        return replace(mine, classes=replace(mine.classes, **changes))

    def reading(source: str) -> Report:
        return replace(mine, corpus=replace(mine.corpus, source=source))

    alike = [mine, wide(WIDTHS[0]), wide(WIDTHS[-1]), of(used=int(least) + 1), of(vocab_size=VOCABULARY[-1])]
    others = [wide(WIDTHS[0] - 1), wide(WIDTHS[-1] + 1), of(used=int(least)), of(vocab_size=512), reading("builtin")]
    assert all(map(is_comparable, [*alike, reading("hub:roneneldan/TinyStories::train")]))
    assert not any(map(is_comparable, [*others, reading("hub:someone/TinyStories"), reading("./tinystories.txt")]))
    assert ranks(mine, [])["nc4_agreement"].published == published_share("nc4_agreement", 0.3)
    assert [ranks(other, [])["nc4_agreement"].published for other in others] == [None] * len(others)


def test_what_leaves_no_verdict_has_no_place_and_gives_none(report: Report) -> None:
    mine = like_the_published(with_values(report, nc4_agreement=0.9))
    unread = replace(with_values(mine, nc4_agreement=0.1), loss=11.0)
    assert ranks(unread, [mine]) == {}
    assert ranks(mine, [unread])["nc4_agreement"].among == 0
    assert ranks(mine, [with_values(mine, nc4_agreement=0.1)])["nc4_agreement"].kept == 1
