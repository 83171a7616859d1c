"""Cautions: each on both sides of its limit, and the remedies that a front end has."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from nc_hf.errors.remedies import FrontEnd, words
from nc_hf.report import MetricValue, Report
from nc_hf.report.cautions import cautions
from nc_hf.report.record import DrawnRecord
from tests.reports import REFERENCE

PLAIN = Report.load(REFERENCE)
Change = Callable[..., Report]


def of_text(**changes: Any) -> Report:
    return replace(PLAIN, corpus=replace(PLAIN.corpus, **changes))


def of_classes(**changes: Any) -> Report:
    return replace(PLAIN, classes=replace(PLAIN.classes, **changes))


def reading(loss: float, entropy: float | None) -> Report:
    return replace(of_classes(unigram_entropy=entropy), loss=loss)


def measured(diagnosed: dict[str, float] | None = None, **values: float) -> Report:
    metrics = {name: MetricValue(value, 0.001) for name, value in values.items()}
    return replace(PLAIN, metrics=metrics, diagnostics=diagnosed or {})


def unsure(blocks: int) -> Report:
    bare = {name: MetricValue(metric.value) for name, metric in PLAIN.metrics.items()}
    return replace(of_text(blocks=blocks), metrics=bare)


GUESSING = math.log(PLAIN.classes.vocab_size)

LIMITS: dict[str, tuple[Report, Report, str]] = {
    "guessing": (reading(GUESSING, None), reading(GUESSING - 1e-9, None), "not below the 6.24 of guessing among 512"),
    "no loss": (reading(math.nan, None), reading(1.0, None), "does not read this text"),
    "frequencies": (reading(4.5, 4.5), reading(4.5 - 1e-9, 4.5), "not below the 4.50 of who knows only how often"),
    "repeated": (of_text(repeated_share=0.11), of_text(repeated_share=0.1), "The text repeats itself (11% of it"),
    "fragments": (
        of_classes(fragment_share=0.06),
        of_classes(fragment_share=0.05),
        "6% of the tokens are single bytes",
    ),
    "tokens": (replace(PLAIN, tokens=19_999), replace(PLAIN, tokens=20_000), "Only 19,999 tokens were read"),
    "classes": (
        of_classes(used=99, listed=99),
        of_classes(used=100, listed=100),
        "Only 99 tokens of the vocabulary were measured",
    ),
    "unmeasured classes": (
        of_classes(used=200, listed=1_201, fewest=2, rule="top:1201"),
        of_classes(used=1_201, listed=1_201, fewest=10, rule="top:1201"),
        "1,001 of the 1,201 tokens that count were too rare in what was read",
    ),
    "few of each": (
        of_classes(fewest=9, rule="0.0002"),
        of_classes(fewest=10, rule="0.0002"),
        "Of some tokens that count only 9 were read",
    ),
    "groups": (unsure(4), unsure(5), "no standard errors: they take 5 blocks of text or more, and here are 4"),
    "one group": (unsure(1), unsure(5), "and here is 1"),
    "directions": (
        measured(unc3_cos_std=0.1, nc3_cos_mean_centred=0.099),
        measured(unc3_cos_std=0.1, nc3_cos_mean_centred=0.1),
        "UNC3 says nothing yet: with an NC3 of 0.099",
    ),
    "few pairs": (
        measured({"nc1_cdnv_top_share": 0.51}, nc1_cdnv=1.0),
        measured({"nc1_cdnv_top_share": 0.5}, nc1_cdnv=1.0),
        "Ten pairs of tokens make 51% of nc1_cdnv",
    ),
    "excluded pairs": (
        measured({"nc1_cdnv_excluded_share": 0.06}, nc1_cdnv_median=1.0),
        measured({"nc1_cdnv_excluded_share": 0.05}, nc1_cdnv_median=1.0),
        "The means of 6% of the pairs of tokens cannot be told apart yet",
    ),
}


@pytest.mark.parametrize("limit", LIMITS)
def test_a_caution_begins_at_its_limit(limit: str) -> None:
    beyond, within, expected = LIMITS[limit]
    (said,) = cautions(beyond)
    assert expected in said.sentence()
    assert cautions(within) == ()


def test_what_drawn_pairs_estimate_is_said() -> None:
    drawn = DrawnRecord(pairs=1_280_000, possible=50_000_000, errors={"nc1_cdnv_median": 0.01, "gnc2_log_mean": 0.1})
    (said,) = cautions(replace(measured(nc1_cdnv_median=1.0, nc2_cos_std=0.1), drawn=drawn))
    assert said.sentence() == (
        "Of 50,000,000 pairs of tokens 1,280,000 were drawn, which estimate nc1_cdnv_median; their standard errors "
        "have the error of the drawing in them."
    )


def test_what_older_reports_lack_is_no_caution() -> None:
    assert PLAIN.classes.unigram_entropy is PLAIN.corpus.repeated_share is PLAIN.classes.fragment_share is None
    assert cautions(PLAIN) == ()


@pytest.mark.parametrize(
    "report",
    [
        measured(nc3_cos_mean_centred=0.01),
        measured({"nc1_cdnv_top_share": 0.9}, nc1_cdnv_median=1.0),
        measured({"nc1_cdnv_excluded_share": 0.9}, nc1_trace_ratio=1.0),
        measured(unc3_cos_std=0.1, nc3_cos_mean_centred=math.nan),
        of_text(blocks=4),
        of_classes(fewest=1, rule="all"),
        of_classes(coverage=0.1),
    ],
    ids=["no UNC3", "no mean CDNV", "no CDNV", "no NC3", "errors all the same", "all asked for", "a part of the text"],
)
def test_nothing_is_said_of_what_was_not_measured(report: Report) -> None:
    assert cautions(report) == ()


def test_where_there_is_nothing_to_judge_no_value_is_doubted() -> None:
    poor = replace(reading(9.0, 4.5), tokens=10, diagnostics={"nc1_cdnv_top_share": 0.9})
    void = replace(poor, classes=replace(poor.classes, used=3, fragment_share=0.5))
    assert [caution.remedy for caution in cautions(void)] == ["own_text", "own_text", "more_text"]


@pytest.mark.parametrize("front_end", FrontEnd)
def test_a_remedy_ends_the_sentence_in_the_words_of_the_front_end(front_end: FrontEnd) -> None:
    for beyond, _, _ in LIMITS.values():
        (said,) = cautions(beyond)
        bare, advised = said.sentence(), said.sentence(front_end)
        assert bare.endswith(".")
        assert not bare.endswith("..")
        expected = bare if said.remedy is None else f"{bare.removesuffix('.')}: {words(said.remedy, front_end)}."
        assert advised == expected
        assert len(advised) < 260


def test_few_classes_of_which_some_are_too_rare_are_two_cautions() -> None:
    few, rare = cautions(of_classes(used=60, listed=64, fewest=2, rule="top:64"))
    assert few.said.startswith("Only 60 tokens")
    assert rare.said.startswith("4 of the 64 tokens")
