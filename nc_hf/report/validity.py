"""Whether the entries of a report can be of any measurement: what a file says is not believed unseen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nc_hf.report.detail import TokenTable
from nc_hf.report.record import MetricValue, ReportRecord

_SHARE = 1 + 1e-9
"""The most that a share of whole numbers, added up in float64, can be."""


def fault_of(report: ReportRecord) -> str | None:
    """Name the first entry that cannot be, and what it says; None where all can."""
    return next(_faults(report), None)


def _faults(report: ReportRecord) -> Iterator[str]:
    classes, corpus = report.classes, report.corpus
    counts = {
        "tokens": report.tokens,
        "model/parameters": report.model.parameters,
        "corpus/blocks": corpus.blocks,
        "corpus/documents": corpus.documents,
        "classes/seen": classes.seen,
        "classes/listed": classes.listed,
        "classes/used": classes.used,
        "classes/fewest": classes.fewest,
        "classes/census": classes.census,
        "agreement/tokens": 0 if report.agreement is None else report.agreement.tokens,
    }
    yield from (f"{name} is {count}" for name, count in counts.items() if count < 0)
    least = {"loss": (report.loss, 0), "perplexity": (report.perplexity, 1), "head_check": (report.head_check, 0)}
    yield from (f"{name} is {value}" for name, (value, fewest) in least.items() if value < fewest)
    shares = {"accuracy": report.accuracy, "classes/coverage": classes.coverage}
    yield from (f"{name} is {share}" for name, share in shares.items() if share < 0 or share > _SHARE)
    if not _ascending(classes.ids):
        yield "classes/ids are not ascending from 0"
    yield from _values(report.metrics, "metrics")
    for layer, values in report.layers.items():
        yield from _values(values, f"layers/{layer}")
    if report.errors is not None:
        groups, replicates = report.errors.groups, report.errors.replicates
        if groups < 2:
            yield f"errors/groups is {groups}"
        wrong = (name for name, values in replicates.items() if len(values) != groups)
        yield from (f"errors/replicates/{name} are not {groups}" for name in wrong)
    for number, stratum in enumerate(report.strata):
        if not 0 <= stratum.low <= stratum.high or min(stratum.classes, stratum.tokens) < 0:
            yield f"strata/{number} is from {stratum.low} to {stratum.high}"
    if report.token_table is not None:
        yield from _table(report.token_table)


def _values(values: dict[str, MetricValue], place: str) -> Iterator[str]:
    for name, value in values.items():
        for part, size in (("stderr", value.stderr), ("bound", value.bound)):
            if size is not None and size < 0:
                yield f"{place}/{name}/{part} is {size}"


def _table(table: TokenTable) -> Iterator[str]:
    columns = vars(table.columns)
    if len({len(column) for column in columns.values()}) > 1:
        yield "token_table/columns are not of one length"
    ids, counts = table.columns.ids, table.columns.counts
    if len(set(ids)) < len(ids) or min(ids, default=0) < 0 or min(counts, default=1) < 1:
        yield "token_table/columns have a token twice, or one that never came"
    cosines = table.commonest.cosines
    if any(len(row) != len(cosines) for row in cosines):
        yield "token_table/commonest/cosines are no square"


def _ascending(ids: Sequence[int]) -> bool:
    return all(one < other for one, other in zip([-1, *ids], ids, strict=False))
