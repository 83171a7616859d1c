"""The verdict in words: its levels, its limits, its cautions."""

from __future__ import annotations

import dataclasses
import math
import subprocess
import sys

import pytest

from nc_hf.errors.remedies import FrontEnd
from nc_hf.report import Report
from nc_hf.report.verdict import HEADLINES, verdict
from tests.varied_reports import with_values


@pytest.mark.parametrize(
    ("values", "level", "words"),
    [
        ({"nc1_trace_ratio": 0.05, "nc4_agreement": 0.95}, "strong", "Strongly collapsed"),
        ({"nc1_trace_ratio": 0.05, "nc4_agreement": 0.60}, "partial", "Partly collapsed"),
        ({"nc1_trace_ratio": 0.93, "nc4_agreement": 0.55}, "partial", "Partly collapsed"),
        ({"nc1_trace_ratio": 1.50, "nc4_agreement": 0.55}, "slight", "Collapsed in one respect only"),
        ({"nc1_trace_ratio": 0.50, "nc4_agreement": 0.10}, "slight", "Collapsed in one respect only"),
        ({"nc1_trace_ratio": 1.50, "nc4_agreement": 0.10}, "none", "Hardly collapsed"),
        ({"nc4_agreement": 0.95}, "slight", "judged by the nearest mean."),
        ({"nc2_cos_std": 0.2}, "unknown", "No verdict"),
        ({"nc1_trace_ratio": math.nan, "nc4_agreement": math.nan}, "unknown", "No verdict"),
    ],
)
def test_the_headline_follows_its_rules(report: Report, values: dict[str, float], level: str, words: str) -> None:
    said = verdict(with_values(report, **values))
    assert said.level == level
    assert words in said.headline


def test_a_value_close_to_a_limit_is_said(report: Report) -> None:
    said = verdict(with_values(report, nc1_trace_ratio=0.9985, nc4_agreement=0.6))
    assert "so close to the limit of 1 " in said.findings[0].reason
    assert "so close" not in verdict(with_values(report, nc1_trace_ratio=0.99)).findings[0].reason


@pytest.mark.parametrize(
    ("values", "answers"),
    [
        ((0.09, 1.2, 0.9, 0.9), ["Tightly", "Yes", "Yes", "Nearly always"]),
        ((0.9, 1.9, 0.6, 0.6), ["Loosely", "Nearly", "In part", "More often than not"]),
        ((1.1, 2.1, 0.4, 0.4), ["Hardly", "No", "Little", "Seldom"]),
    ],
)
def test_every_family_answers_its_question(report: Report, values: tuple[float, ...], answers: list[str]) -> None:
    names = ("nc1_trace_ratio", "gnc2_log_std_ratio", "nc3_cos_mean_centred", "nc4_agreement")
    found = verdict(with_values(report, **dict(zip(names, values, strict=True)))).findings
    assert [finding.metric for finding in found] == list(names)
    assert [finding.answer for finding in found] == answers


def test_a_family_that_was_not_measured_says_nothing(report: Report) -> None:
    found = verdict(with_values(report, nc3_cos_mean=0.95, nc4_agreement=math.nan)).findings
    assert [(finding.metric, finding.answer) for finding in found] == [("nc3_cos_mean", "Yes")]


def test_the_headline_is_its_title_and_its_basis(report: Report) -> None:
    both = verdict(with_values(report, nc1_trace_ratio=0.05, nc4_agreement=0.95))
    assert both.title == HEADLINES["strong"]
    assert both.basis == "Judged by the scatter of contexts and the nearest mean."
    neither = verdict(with_values(report, nc2_cos_std=0.2))
    assert neither.headline.startswith(f"{neither.title}: ")
    assert neither.basis.startswith("Neither the scatter of contexts nor the nearest mean was measured")


@pytest.mark.parametrize(
    ("void", "reason"),
    [({"loss": 6.3}, "the model does not read this text"), ({"repeated": 0.9}, "the text repeats itself")],
)
def test_where_a_caution_leaves_no_verdict_nothing_is_judged(
    report: Report, void: dict[str, float], reason: str
) -> None:
    praised = with_values(report, nc1_trace_ratio=0.05, nc4_agreement=0.95, gnc2_log_std_ratio=1.0)
    changed = dataclasses.replace(
        praised,
        loss=void.get("loss", praised.loss),
        corpus=dataclasses.replace(praised.corpus, repeated_share=void.get("repeated")),
    )
    said = verdict(changed)
    assert (verdict(praised).level, len(verdict(praised).findings)) == ("strong", 3)
    assert (said.level, said.findings) == ("unknown", ())
    assert said.headline == f"No verdict: {reason}."
    assert said.basis == f"{reason[0].upper()}{reason[1:]}."
    assert said.cautions[0].voids == reason


def test_the_json_form_holds_the_sentences_and_no_remedy(report: Report) -> None:
    few = dataclasses.replace(report, tokens=500)
    said = verdict(few)
    assert said.to_dict() == {
        "level": said.level,
        "sentences": [said.headline, *(f"{each.question} {each.answer}. {each.reason}" for each in said.findings)],
        "cautions": ["Only 500 tokens were read, by which values are not steady."],
    }
    assert said.warnings(FrontEnd.COMMAND) == [
        "Only 500 tokens were read, by which values are not steady: raise --max-tokens, or name a longer --corpus."
    ]


def test_every_front_end_can_load_it() -> None:
    code = (
        "import sys; import nc_hf.report.verdict;"
        "print([name for name in ('torch', 'transformers', 'gradio', 'rich', 'nc_hf.space') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
