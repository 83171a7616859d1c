"""The top of every form of a report, as data: what was measured on what, and a dial for each property of collapse."""

from __future__ import annotations

import math
from dataclasses import dataclass

from nc_hf.metrics.table import METRICS
from nc_hf.report.intervals import groups_of, interval, spoken
from nc_hf.report.record import MetricValue, ReportRecord
from nc_hf.report.verdict import LIMITS, verdict
from nc_hf.report.words import UNTRAINED, by_family, decimals, direction, family_title, number, short_commit, with_error

_FAMILIES = (("NC1",), ("GNC2",), ("NC3", "UNC3"), ("NC4",))
"""One dial each: of the first family that has a value."""


DIAL_HEADER = ("value", "95 % interval", UNTRAINED, "limits")


@dataclass(frozen=True)
class Scale:
    """Where a dial begins and ends, from the least to the most collapsed."""

    least: float
    most: float
    log: bool = False

    def place(self, value: float) -> float:
        """Return where a value lies, from 0 (the least collapsed) to 1; beyond an end, at that end.

        >>> [round(Scale(10.0, 0.01, log=True).place(value), 4) for value in (1.0, 0.0, 50.0)]
        [0.3333, 1.0, 0.0]
        """
        ends = [self.least, self.most, min(max(value, min(self.least, self.most)), max(self.least, self.most))]
        low, high, here = map(math.log, ends) if self.log else ends
        return abs(here - low) / abs(high - low)


_NC3 = Scale(0.0, 1.0)
_SCALES = {
    "nc1_trace_ratio": Scale(10.0, 0.01, log=True),
    "gnc2_log_std_ratio": Scale(10.0, 1.0, log=True),
    "nc3_cos_mean_centred": _NC3,
    "nc3_cos_mean": _NC3,
    "nc4_agreement": Scale(0.0, 1.0),
}
"""Of every metric that is judged: from about what random weights give to complete collapse, or to a hundredth."""


@dataclass(frozen=True)
class Dial:
    """One property of collapse at a glance.

    Attributes:
        family: of the metric.
        name: of the metric.
        metric: its value.
        interval: 95 % of other samples of the text would lie there; None where no error is known.
        untrained: the same of a model of this shape before training; None where that is not known.
        limits: between the answers of the verdict, the more collapsed first; none where it has no rule for the metric.
        answer: of the verdict; empty where it has none.
        scale: on which to draw it; None where the metric has no limits to be seen against, or is no number.
    """

    family: str
    name: str
    metric: MetricValue
    interval: tuple[float, float] | None
    untrained: float | None
    limits: tuple[float, ...]
    answer: str
    scale: Scale | None

    @property
    def title(self) -> str:
        """The property, such as ``NC1 variability``."""
        return family_title(self.family)

    @property
    def direction(self) -> str:
        """Where more collapse lies: ``down``, ``up`` or ``none``."""
        return direction(self.name)

    @property
    def value(self) -> str:
        """The value in the digits of every other form, without its error."""
        return with_error(self.metric).partition(" ")[0]

    @property
    def between(self) -> str:
        """The interval in words; empty where it is not known."""
        return spoken(self.metric, self.interval) if self.interval else ""

    @property
    def rule(self) -> str:
        """The limits in words, such as ``0.1 · 1``; empty where there are none."""
        return " · ".join(f"{limit:g}" for limit in self.limits)

    @property
    def row(self) -> tuple[str, ...]:
        """What stands under ``DIAL_HEADER``."""
        untrained = "" if self.untrained is None else number(self.untrained)
        return (self.value, self.between, untrained, self.rule)

    @property
    def sentence(self) -> str:
        """The dial for who does not see it."""
        parts = [f"{self.title} {self.value}"]
        parts += [f"95 % interval {self.between}"] if self.between else []
        parts += [f"untrained {number(self.untrained)}"] if self.untrained is not None else []
        return ", ".join(parts) + (f": {self.answer.lower()}" if self.answer else "")


def facts(report: ReportRecord) -> list[tuple[str, str]]:
    """Return what the model is, its text, its loss and the day, in a line each, as pairs of a heading and a phrase."""
    model, corpus, bits = report.model, report.corpus, report.bits_per_byte
    commit = f", commit {short_commit(model.commit)}" if model.commit else ""
    shard = f", shard {corpus.shard}" if corpus.shard else ""
    loss = report.outcome("loss")
    said, places = (with_error(loss), decimals(loss)) if loss.stderr else (f"{loss.value:.4f}", None)
    in_bits = "" if bits is None else f", {bits:.{4 if places is None else places}f} bits a byte"  # it is no surer
    return [
        ("model", f"{model.architecture}, {model.parameters:,} parameters{commit}"),
        ("text", f"{corpus.source}, {corpus.split}{shard}: {report.tokens:,} tokens, {report.classes.used:,} classes"),
        ("loss", f"{said} nats a token{in_bits}"),
        ("measured", f"{report.created[:10]}, preset {report.preset}"),
    ]


def dials(report: ReportRecord) -> list[Dial]:
    """Return a dial for NC1, GNC2, NC3 or UNC3, and NC4, as far as they were measured.

    A dial takes the metric that the verdict judges, or else the first of its family. There is none where a caution
    leaves no verdict: the values are then of no collapse, however small.
    """
    said = verdict(report)
    if any(caution.voids for caution in said.cautions):
        return []
    answers = {finding.metric: finding.answer for finding in said.findings}
    groups = groups_of(report)
    found = []
    for families in _FAMILIES:
        if name := _chosen(report, families):
            metric = report.metrics[name]
            finite = math.isfinite(metric.value)
            untrained = report.untrained.get(name)
            found.append(
                Dial(
                    family=METRICS[name].family,
                    name=name,
                    metric=metric,
                    interval=interval(name, metric, groups),
                    untrained=untrained if untrained is not None and math.isfinite(untrained) else None,
                    limits=LIMITS.get(name, ()),
                    answer=answers.get(name, ""),
                    scale=_SCALES.get(name) if finite else None,
                )
            )
    return found


def _chosen(report: ReportRecord, families: tuple[str, ...]) -> str | None:
    """Return the metric that is judged, or the first; one that is a number before one that is not."""
    grouped = by_family(name for name in report.metrics if name in METRICS)
    names = [name for family in families for name in grouped.get(family, [])]
    finite = [name for name in names if math.isfinite(report.metrics[name].value)]
    judged = [name for name in LIMITS if name in finite]
    return next(iter([*judged, *finite, *names]), None)
