"""Facts and dials: which metric stands for a property, against what, and when there is none."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from nc_hf.metrics import PRESETS
from nc_hf.report import MetricValue, Report
from nc_hf.report.summary import Scale, dials, facts
from nc_hf.report.verdict import LIMITS, verdict
from tests.reports import SCHEMA_6, with_metrics
from tests.varied_reports import with_values

_OF_PRESET = {
    "core": ["nc1_trace_ratio", "gnc2_log_std_ratio", "nc3_cos_mean_centred", "nc4_agreement"],
    "paper": ["nc1_cdnv_paper", "gnc2_log_cov_paper", "nc3_cos_mean", "nc4_agreement"],
    "full": ["nc1_trace_ratio", "gnc2_log_std_ratio", "nc3_cos_mean_centred", "nc4_agreement"],
}


@pytest.mark.parametrize("preset", _OF_PRESET)
def test_each_property_has_the_metric_that_the_preset_has_of_it(report: Report, preset: str) -> None:
    shown = with_metrics(report, **{name: MetricValue(0.5, 0.01) for name in PRESETS[preset]})
    assert [dial.name for dial in dials(shown)] == _OF_PRESET[preset]


def test_unc3_stands_in_where_nc3_was_not_measured(report: Report) -> None:
    assert [dial.family for dial in dials(with_values(report, unc3_cos_std_centred=0.1))] == ["UNC3"]


def test_a_number_goes_before_what_is_none(report: Report) -> None:
    values = with_values(report, nc1_trace_ratio=math.nan, nc1_cdnv_median=0.5)
    assert [dial.name for dial in dials(values)] == ["nc1_cdnv_median"]
    (undefined,) = dials(with_values(report, nc1_trace_ratio=math.nan))
    assert (undefined.value, undefined.between, undefined.answer, undefined.scale) == ("undefined", "", "", None)


@pytest.mark.parametrize("void", [{"loss": 9.0}, {"repeated_share": 0.9}])
def test_no_dial_where_a_caution_leaves_no_verdict(report: Report, void: dict[str, float]) -> None:
    praised = with_values(report, nc1_trace_ratio=0.01, nc4_agreement=0.99)
    voided = replace(praised, **void) if "loss" in void else replace(praised, corpus=replace(praised.corpus, **void))
    assert verdict(voided).level == "unknown"
    assert len(dials(praised)) == 2
    assert dials(voided) == []


def test_a_dial_has_the_answer_and_the_limits_of_the_verdict() -> None:
    shown = Report.load(SCHEMA_6)
    found = dials(shown)
    assert {dial.name: dial.answer for dial in found} == {
        finding.metric: finding.answer for finding in verdict(shown).findings
    }
    assert all(dial.limits == LIMITS[dial.name] and dial.scale is not None for dial in found)
    assert [dial.untrained for dial in found] == [shown.untrained[dial.name] for dial in found]
    assert found[-1].sentence == (
        "NC4 nearest centre 0.5358, 95 % interval 0.5186 to 0.5530, untrained 0.006802: more often than not"
    )


@pytest.mark.parametrize(
    ("scale", "value", "place"),
    [
        (Scale(10.0, 0.01, log=True), 0.1, 2 / 3),
        (Scale(10.0, 1.0, log=True), 0.5, 1.0),
        (Scale(0.0, 1.0), -0.2, 0.0),
        (Scale(0.0, 1.0), 0.25, 0.25),
    ],
)
def test_more_collapsed_lies_to_the_right(scale: Scale, value: float, place: float) -> None:
    assert scale.place(value) == pytest.approx(place)


def test_every_limit_lies_on_its_scale(report: Report) -> None:
    for dial in dials(with_values(report, **dict.fromkeys(LIMITS, 0.7))):
        assert dial.scale is not None
        more, less = map(dial.scale.place, dial.limits)
        assert 0 < less < more < 1


def test_the_facts_are_one_line_each() -> None:
    found = dict(facts(Report.load(SCHEMA_6)))
    assert list(found) == ["model", "text", "loss", "measured"]
    assert found["model"] == "LlamaForCausalLM, 260,032 parameters, commit 8835723"
    assert found["text"].endswith("validation.jsonl, validation: 19,972 tokens, 191 classes")
    assert found["loss"] == "1.404 ± 0.043 nats a token, 0.991 bits a byte"
    assert found["measured"] == "2026-11-25, preset core"


def test_what_is_not_known_is_not_said(report: Report) -> None:
    bare = replace(report, errors=None, model=replace(report.model, commit=None))
    found = dict(facts(replace(bare, corpus=replace(report.corpus, bytes=None))))
    assert "commit" not in found["model"]
    assert found["loss"] == f"{report.loss:.4f} nats a token"
