"""Whether the numbers of several reports may be held against each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from nc_hf.report.record import ReportRecord

_MUST_AGREE: dict[str, tuple[Callable[[ReportRecord], object], str]] = {
    "corpus": (
        lambda report: report.corpus.fingerprint[:16],
        "the tokens differ, so classes and loss are not the same",
    ),
    "number of tokens": (lambda report: report.tokens, "most metrics depend on the number of tokens"),
    "min_count": (lambda report: report.classes.min_count, "the metrics speak of other classes"),
    "packing": (lambda report: report.corpus.packing, "the contexts are cut differently"),
    "shard": (lambda report: report.corpus.shard or "the whole", "one speaks of a part of what the other read"),
    "preset": (lambda report: report.preset, "each report has metrics that another lacks"),
    "dtype": (lambda report: report.model.dtype, "the features are rounded differently"),
}


def differing_circumstances(reports: Sequence[ReportRecord]) -> Iterator[str]:
    """Yield sentences that say why the numbers of the reports are not comparable; none of fewer than two."""
    for what, (of, why) in _MUST_AGREE.items():
        found = list(dict.fromkeys(str(of(report)) for report in reports))
        if len(found) > 1:
            yield f"{what} differs ({' / '.join(found)}): {why}."
    for name in dict.fromkeys(name for report in reports for name in report.definitions):
        if len({report.definitions[name] for report in reports if name in report.definitions}) > 1:
            yield f"the definition of {name} differs: the reports come from different versions of nc_hf."
    if len({report.agreement.leave_one_out for report in reports if report.agreement is not None}) > 1:
        yield "NC4 differs in kind: only some reports leave each token out of its own class centre."
