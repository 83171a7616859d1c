"""A verdict in words on the values of a report, by rules that are written down here.

Each finding holds one value against a limit that means something by itself: a scatter as large as the spread (1), the
spread of random directions (1), half and nine tenths of a share. A value within two standard errors of a limit is
called close to it. The headline takes the two properties that followed the quality of models in *Linguistic Collapse*:
the scatter within classes (NC1) and the agreement with the nearest mean (NC4). Where a caution leaves nothing to judge,
there is no verdict and no finding: features that did not come of reading the text may look collapsed all the same.

Every front end says the same, from here; the remedies of the cautions are worded for each in `nc_hf.errors.remedies`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from nc_hf.errors.remedies import FrontEnd
from nc_hf.report.cautions import Caution, cautions
from nc_hf.report.record import MetricValue, ReportRecord
from nc_hf.report.words import number

Level = Literal["strong", "partial", "slight", "none", "unknown"]

HEADLINES: dict[Level, str] = {
    "strong": "Strongly collapsed",
    "partial": "Partly collapsed",
    "slight": "Collapsed in one respect only",
    "none": "Hardly collapsed",
    "unknown": "No verdict",
}

TIGHT, GATHERED = 0.1, 1.0  # NC1: scatter of a token's contexts over the spread of the means
NEARLY_ALWAYS, MOSTLY = 0.9, 0.5  # NC4
EVEN, NEARLY_EVEN = 1.2, 2.0  # GNC2: over the spread of random directions
ALIGNED, PARTLY_ALIGNED = 0.9, 0.5  # NC3

LIMITS: Mapping[str, tuple[float, float]] = {
    "nc1_trace_ratio": (TIGHT, GATHERED),
    "gnc2_log_std_ratio": (EVEN, NEARLY_EVEN),
    "nc3_cos_mean_centred": (ALIGNED, PARTLY_ALIGNED),
    "nc3_cos_mean": (ALIGNED, PARTLY_ALIGNED),
    "nc4_agreement": (NEARLY_ALWAYS, MOSTLY),
}
"""The limits between the answers of each metric that is judged, the more collapsed first."""


@dataclass(frozen=True)
class Finding:
    """One question that a reader may ask, with its answer.

    Attributes:
        question: in plain words.
        answer: a word or two.
        reason: the value and what it is held against.
        metric: whose value it is.
    """

    question: str
    answer: str
    reason: str
    metric: str

    @property
    def sentence(self) -> str:
        """Question, answer and reason."""
        return f"{self.question} {self.answer}. {self.reason}"


@dataclass(frozen=True)
class Verdict:
    """What the values say.

    Attributes:
        level: of collapse as a whole; unknown where too little was measured, or a caution leaves no verdict.
        headline: the level in words, with what it rests on.
        findings: one a family, those that were measured; none where a caution leaves no verdict.
        cautions: why the values may mislead.
    """

    level: Level
    headline: str
    findings: tuple[Finding, ...]
    cautions: tuple[Caution, ...]

    @property
    def title(self) -> str:
        """The level in words."""
        return HEADLINES[self.level]

    @property
    def basis(self) -> str:
        """What the level rests on, as a sentence."""
        basis = self.headline.removeprefix(self.title).lstrip(",: ")
        return basis[:1].upper() + basis[1:]

    def warnings(self, front_end: FrontEnd | None = None) -> list[str]:
        """Return the cautions as sentences, with the remedies of a front end where there is one to tell."""
        return [caution.sentence(front_end) for caution in self.cautions]

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form, which offers no remedy: its reader may have measured nothing."""
        sentences = [self.headline, *(finding.sentence for finding in self.findings)]
        return {"level": self.level, "sentences": sentences, "cautions": self.warnings()}


def verdict(report: ReportRecord) -> Verdict:
    """Read a report aloud."""
    said = cautions(report)
    if void := next((caution.voids for caution in said if caution.voids), None):
        return Verdict("unknown", f"{HEADLINES['unknown']}: {void}.", (), said)
    findings = [found for found in (_nc1(report), _gnc2(report), _nc3(report), _nc4(report)) if found is not None]
    level = _level(_value(report, "nc1_trace_ratio"), _value(report, "nc4_agreement"))
    return Verdict(level, _headline(level, report), tuple(findings), said)


def _level(scatter: MetricValue | None, agreement: MetricValue | None) -> Level:
    """Join NC1 and NC4; where one was not measured, the other is at most one respect."""
    gathers = None if scatter is None else (scatter.value < GATHERED)
    agrees = None if agreement is None else (agreement.value >= MOSTLY)
    if gathers is None and agrees is None:
        return "unknown"
    if scatter is not None and agreement is not None and scatter.value < TIGHT and agreement.value >= NEARLY_ALWAYS:
        return "strong"
    if gathers and agrees:
        return "partial"
    return "slight" if gathers or agrees else "none"


def _headline(level: Level, report: ReportRecord) -> str:
    rests_on = [
        name
        for name, metric in (("the scatter of contexts", "nc1_trace_ratio"), ("the nearest mean", "nc4_agreement"))
        if _value(report, metric) is not None
    ]
    if not rests_on:
        return (
            f"{HEADLINES[level]}: neither the scatter of contexts nor the nearest mean was measured with this preset."
        )
    return f"{HEADLINES[level]}, judged by {' and '.join(rests_on)}."


def _nc1(report: ReportRecord) -> Finding | None:
    metric = _value(report, "nc1_trace_ratio")
    if metric is None:
        return None
    answer = "Tightly" if metric.value < TIGHT else "Loosely" if metric.value < GATHERED else "Hardly"
    return Finding(
        "Do the contexts before one and the same token gather?",
        answer,
        f"Around the mean of their token they scatter {number(metric.value, 2)} times as much as the means of all "
        f"tokens scatter around each other; complete collapse is 0{_close(metric, TIGHT, GATHERED)}.",
        "nc1_trace_ratio",
    )


def _gnc2(report: ReportRecord) -> Finding | None:
    metric = _value(report, "gnc2_log_std_ratio")
    if metric is None:
        return None
    answer = "Yes" if metric.value <= EVEN else "Nearly" if metric.value <= NEARLY_EVEN else "No"
    return Finding(
        "Are the means of the tokens spread evenly in all directions?",
        answer,
        f"The distances between them vary {number(metric.value, 2)} times as much as those between random directions; "
        f"1 is as even as chance{_close(metric, EVEN, NEARLY_EVEN)}.",
        "gnc2_log_std_ratio",
    )


def _nc3(report: ReportRecord) -> Finding | None:
    name = "nc3_cos_mean_centred" if _value(report, "nc3_cos_mean_centred") else "nc3_cos_mean"
    metric = _value(report, name)
    if metric is None:
        return None
    answer = "Yes" if metric.value >= ALIGNED else "In part" if metric.value >= PARTLY_ALIGNED else "Little"
    return Finding(
        "Does the classifier point where the means lie?",
        answer,
        f"The cosine between a token's row of the classifier and its mean is {number(metric.value, 2)} on average; "
        f"1 is full alignment, 0 none{_close(metric, ALIGNED, PARTLY_ALIGNED)}.",
        name,
    )


def _nc4(report: ReportRecord) -> Finding | None:
    metric = _value(report, "nc4_agreement")
    if metric is None:
        return None
    answer = (
        "Nearly always"
        if metric.value >= NEARLY_ALWAYS
        else "More often than not"
        if metric.value >= MOSTLY
        else "Seldom"
    )
    return Finding(
        "Would the nearest mean predict the same token as the model?",
        answer,
        f"It does for {metric.value:.0%} of the tokens; complete collapse is 100%"
        f"{_close(metric, NEARLY_ALWAYS, MOSTLY)}.",
        "nc4_agreement",
    )


def _value(report: ReportRecord, name: str) -> MetricValue | None:
    """Return a metric that was measured and is a number."""
    metric = report.metrics.get(name)
    return metric if metric is not None and math.isfinite(metric.value) else None


def _close(metric: MetricValue, *limits: float) -> str:
    """Say that a value is within two standard errors of a limit of the rules."""
    for limit in limits:
        if metric.stderr is not None and abs(metric.value - limit) <= 2 * metric.stderr:
            return f"; it is so close to the limit of {limit:g} that other text could change the answer"
    return ""
