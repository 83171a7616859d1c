"""Whether the numbers of several reports may be held against each other, and which of them are of one model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from nc_hf.report.record import ReportRecord


@dataclass(frozen=True)
class _Circumstance:
    """One thing that reports have to share.

    Attributes:
        what: it is called.
        of: reads it from a report, in the words in which it is shown.
        why: it matters, as the end of a sentence.
    """

    what: str
    of: Callable[[ReportRecord], str]
    why: str


_AMONG = {"listed": "the classes that count", "seen": "every class"}
_PLACES = {"begin": "before", "end": "after", "between": "between"}
_OF_TEXT = (
    _Circumstance(
        "the text",
        lambda report: f"{report.corpus.source}, {report.corpus.split}",
        "classes, loss and every metric are those of another text",
    ),
    _Circumstance(
        "the packing", lambda report: report.corpus.packing, "the contexts are cut differently, with other marks"
    ),
    _Circumstance(
        "what marks documents",
        lambda report: (
            ", ".join(f"{mark.text} {_PLACES.get(mark.role, mark.role)}" for mark in report.corpus.marks)
            or "nothing known"
        ),
        "the model is told in another way where a document begins",
    ),
    _Circumstance(
        "the block size",
        lambda report: f"{report.corpus.block_size:,} tokens",
        "the contexts are of another length",
    ),
)
"""What decides the tokens, besides the tokenizer; reports of one fingerprint share all of it, whatever they call it."""

_OF_MEASUREMENT = (
    _Circumstance(
        "the budget",
        lambda report: "" if report.classes.ids else f"{report.tokens:,} tokens",
        "one has read more of the text than the other, and so of more classes",
    ),
    _Circumstance(
        "the part of the text",
        lambda report: f"shard {report.corpus.shard}" if report.corpus.shard else "all of it",
        "one speaks of a part of what the other read",
    ),
    _Circumstance(
        "what the values speak of",
        lambda report: report.classes.description,
        "a class is in one list and not in the other",
    ),
    _Circumstance("the dtype", lambda report: report.model.dtype, "the features are rounded differently"),
    _Circumstance(
        "the correction for few tokens",
        lambda report: "by groups of text" if report.errors is not None and report.errors.corrected else "none",
        "without it values move with the number of tokens",
    ),
    _Circumstance(
        "what NC4 decides among",
        lambda report: "" if report.agreement is None else f"{_AMONG[report.agreement.classes]}",
        "the fewer there are, the easier it is to agree",
    ),
)


def differing_circumstances(reports: Sequence[ReportRecord]) -> Iterator[str]:
    """Yield sentences that say why the numbers of the reports are not comparable; none of fewer than two."""
    if _several(report.corpus.fingerprint for report in reports):
        yield from _differing_texts(reports)
    yield from _named(_OF_MEASUREMENT, reports)
    for name in dict.fromkeys(name for report in reports for name in report.definitions):
        if _several(report.definitions[name] for report in reports if name in report.definitions):
            yield f"the definition of {name} differs: the reports come from different versions of nc_hf."
    if _several(report.agreement.leave_one_out for report in reports if report.agreement is not None):
        yield "NC4 differs in kind: only some reports leave each token out of its own class centre."


def one_model(reports: Sequence[ReportRecord], names: Sequence[str]) -> Iterator[str]:
    """Yield a sentence for every model that several reports are of.

    Args:
        reports: to look at.
        names: by which to call them.
    """
    left = list(zip(reports, names, strict=True))
    while left:
        (first, name), *left = left
        members = [name, *(other for report, other in left if same_model(first, report))]
        left = [(report, other) for report, other in left if other not in members]
        if len(members) > 1:
            yield f"{', '.join(members[:-1])} and {members[-1]} have the same weights: they are one model."


def same_model(one: ReportRecord, other: ReportRecord) -> bool:
    """Whether two reports are of one model, whatever it is called: by its weights, or where unknown by its commit."""
    if one.model.weights and other.model.weights:
        return one.model.weights == other.model.weights
    return one.model.commit is not None and one.model.commit == other.model.commit


def _differing_texts(reports: Sequence[ReportRecord]) -> Iterator[str]:
    """Say in what the tokens differ, since their fingerprints do."""
    found = list(_named(_OF_TEXT, reports))
    if _several(report.corpus.tokenizer_hash for report in reports):
        sizes = " / ".join(dict.fromkeys(f"of {report.classes.vocab_size:,} tokens" for report in reports))
        found.insert(0, f"the tokenizer differs ({sizes}): the same text is other tokens, so classes and loss differ.")
    if found or not _other_text(reports):
        yield from found
    else:
        prints = " / ".join(dict.fromkeys(report.corpus.fingerprint[:16] for report in reports))
        why = "it is of another revision, or other documents were taken"
        yield f"the text differs though it is called the same (fingerprints {prints}): {why}."


def _other_text(reports: Sequence[ReportRecord]) -> bool:
    """Whether reports are of different texts; their fingerprints, which differ, do so between parts of one text too."""
    if all(report.corpus.text_hash for report in reports):
        return _several(report.corpus.text_hash for report in reports)
    return not _several((report.tokens, report.corpus.shard) for report in reports)


def _named(circumstances: Sequence[_Circumstance], reports: Sequence[ReportRecord]) -> Iterator[str]:
    for each in circumstances:
        found = [said for said in dict.fromkeys(each.of(report) for report in reports) if said]
        if len(found) > 1:
            yield f"{each.what} differs ({' / '.join(found)}): {each.why}."


def _several(values: Iterator[object]) -> bool:
    return len(set(values)) > 1
