"""Why the values of a report may mislead, and what can be done: each caution by a limit that is written down here."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from nc_hf.errors.remedies import FrontEnd, Remedy, words
from nc_hf.metrics.jackknife import FEWEST_GROUPS
from nc_hf.metrics.table import METRICS
from nc_hf.report.record import ReportRecord
from nc_hf.report.words import number

REPEATED = 0.1
"""Share of runs of 32 tokens that stood before: real corpora have less than 0.01, copies of one text nearly 1."""
FRAGMENTS = 0.05
"""Share of tokens that are no whole character: prose in a language that the tokenizer knows has less than 0.01."""
FEW_TOKENS = 20_000
"""At 24,000 tokens of a real text core metrics were a quarter off what all of it gives (docs/metrics.md)."""
FEW_CLASSES = 100
"""A spread over so many classes is itself known to 7 % (1/sqrt(2K))."""
FEW_OF_EACH = 10
"""Tokens of a class below which its mean is mostly noise: at ten, duality and its spread are 3 and 9 % off."""
NOISY = 0.1
"""Noise of the rarest mean over the spread of the means: intervals cover below it and not above (docs/metrics.md)."""
NO_DIRECTION = 0.1
"""NC3 below which directions are as good as random: their cosines scatter by 0.1 in a hundred dimensions."""
TOP_SHARE = 0.5
"""Share of the mean CDNV that its ten largest pairs make: above, the mean speaks of them and not of the others."""
EXCLUDED = 0.05
"""Share of pairs whose means the noise hides: the largest values of the CDNV are unknown with them."""

_HIDDEN = frozenset(METRICS["nc1_cdnv_excluded_share"].qualifies)


@dataclass(frozen=True)
class Caution:
    """One reason to doubt the values.

    Attributes:
        said: a sentence without its full stop.
        remedy: what would help; None where nothing does.
        voids: why there can be no verdict at all, in short; empty where there can.
    """

    said: str
    remedy: Remedy | None = None
    voids: str = ""

    def sentence(self, front_end: FrontEnd | None = None) -> str:
        """Return the sentence, with the remedy in the words of a front end where there is one to tell."""
        if front_end is None or self.remedy is None:
            return f"{self.said}."
        return f"{self.said}: {words(self.remedy, front_end)}."


def cautions(report: ReportRecord) -> tuple[Caution, ...]:
    """Return every caution that applies: of the text first, then of the values where the text leaves any to judge."""
    said = [caution for find in (_unread, _repeated, _fragments, _tokens) for caution in find(report)]
    if not any(caution.voids for caution in said):
        said += [
            caution for find in (_classes, _noise, _errors, _directions, _pairs, _drawn) for caution in find(report)
        ]
    return tuple(said)


def _unread(report: ReportRecord) -> Iterator[Caution]:
    """Whoever only knows how often each token occurs has the unigram entropy as his loss, who knows nothing ln V."""
    entropy, guessing = report.classes.unigram_entropy, math.log(report.classes.vocab_size)
    loss, why = f"its loss of {number(report.loss, 3)} nats a token is not below", ""
    if not report.loss < guessing:
        why = f"{loss} the {number(guessing, 3)} of guessing among {report.classes.vocab_size:,} tokens"
    elif entropy is not None and not report.loss < entropy:
        why = f"{loss} the {number(entropy, 3)} of who knows only how often each token occurs in it"
    if why:
        yield Caution(
            f"The model does not read this text ({why})", Remedy.OWN_TEXT, "the model does not read this text"
        )


def _repeated(report: ReportRecord) -> Iterator[Caution]:
    share = report.corpus.repeated_share
    if share is not None and share > REPEATED:
        yield Caution(
            f"The text repeats itself ({share:.0%} of it stood before, word for word), "
            "and features of the same words agree without any collapse",
            Remedy.PLAIN_TEXT,
            "the text repeats itself",
        )


def _fragments(report: ReportRecord) -> Iterator[Caution]:
    share = report.classes.fragment_share
    if share is not None and share > FRAGMENTS:
        yield Caution(
            f"The tokenizer does not know the characters of this text: {share:.0%} of the tokens are single bytes "
            "or unknown",
            Remedy.OWN_TEXT,
        )


def _tokens(report: ReportRecord) -> Iterator[Caution]:
    if report.tokens < FEW_TOKENS:
        yield Caution(f"Only {report.tokens:,} tokens were read, by which values are not steady", Remedy.MORE_TEXT)


def _classes(report: ReportRecord) -> Iterator[Caution]:
    classes = report.classes
    if classes.used < FEW_CLASSES:
        yield Caution(f"Only {classes.used:,} tokens of the vocabulary were measured", Remedy.MORE_TEXT)
    if classes.used < classes.listed:
        yield Caution(
            f"{classes.listed - classes.used:,} of the {classes.listed:,} tokens that count were too rare in what was "
            "read, so the values speak of the others alone",
            Remedy.MORE_TEXT,
        )
    elif classes.fewest < FEW_OF_EACH and classes.rule != "all":
        yield Caution(
            f"Of some tokens that count only {classes.fewest} were read, by which their means are mostly noise",
            Remedy.MORE_TEXT,
        )


def _noise(report: ReportRecord) -> Iterator[Caution]:
    """The noise of a mean is s2_c / n_c; against the spread of the means it is the trace ratio over the tokens."""
    scatter, classes = first_value(report, "nc1_trace_ratio"), report.classes
    if scatter is None or classes.rule == "all" or classes.fewest < FEW_OF_EACH:
        return
    if scatter / classes.fewest > NOISY:
        yield Caution(
            f"The noise of the rarest means is {scatter / classes.fewest:.0%} of the spread of all means, for which "
            "neither the corrections nor the errors are made",
            Remedy.MORE_TEXT,
        )


def _errors(report: ReportRecord) -> Iterator[Caution]:
    blocks = report.corpus.blocks
    if blocks < FEWEST_GROUPS and all(metric.stderr is None for metric in report.metrics.values()):
        here = "is 1" if blocks == 1 else f"are {blocks}"
        yield Caution(
            f"There are no standard errors: they take {FEWEST_GROUPS} blocks of text or more, and here {here}",
            Remedy.MORE_TEXT,
        )


def _directions(report: ReportRecord) -> Iterator[Caution]:
    measured = [name for name in report.metrics if name in METRICS and METRICS[name].family == "UNC3"]
    alignment = first_value(report, "nc3_cos_mean_centred", "nc3_cos_mean")
    if measured and alignment is not None and alignment < NO_DIRECTION:
        yield Caution(
            f"UNC3 says nothing yet: with an NC3 of {number(alignment, 2)} the classifier points elsewhere than the "
            "means, about as random directions do"
        )


def _pairs(report: ReportRecord) -> Iterator[Caution]:
    top, excluded = first_value(report, "nc1_cdnv_top_share"), first_value(report, "nc1_cdnv_excluded_share")
    if "nc1_cdnv" in report.metrics and top is not None and top > TOP_SHARE:
        yield Caution(f"Ten pairs of tokens make {top:.0%} of nc1_cdnv, which says little of all others", Remedy.MEDIAN)
    if excluded is not None and excluded > EXCLUDED and not _HIDDEN.isdisjoint(report.metrics):
        yield Caution(f"The means of {excluded:.0%} of the pairs of tokens cannot be told apart yet", Remedy.MORE_TEXT)


def _drawn(report: ReportRecord) -> Iterator[Caution]:
    if report.drawn is not None:
        names = [name for name in report.metrics if name in report.drawn.errors]
        yield Caution(
            f"Of {report.drawn.possible:,} pairs of tokens {report.drawn.pairs:,} were drawn, which estimate "
            f"{', '.join(names)}; their standard errors have the error of the drawing in them"
        )


def first_value(report: ReportRecord, *names: str) -> float | None:
    """Return the first of these values that was measured and is a number, as a metric or a diagnostic."""
    for name in names:
        value = report.metrics[name].value if name in report.metrics else report.diagnostics.get(name, math.nan)
        if math.isfinite(value):
            return value
    return None
