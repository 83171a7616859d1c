"""The parts of a report that lie beneath its values: strata of class frequency, and single tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from nc_hf.corpus.vocabulary import categories_of, shown_text
from nc_hf.errors import StatisticsError
from nc_hf.metrics import METRICS
from nc_hf.metrics.compute import compute_metrics
from nc_hf.metrics.decisions import AgreementCounts, Decisions
from nc_hf.metrics.inputs import Head, MetricInputs
from nc_hf.metrics.strata import category_shares, frequency_bins, relative_norms, subset
from nc_hf.metrics.tokens import ClassTable, class_table
from nc_hf.report.detail import ClassColumns, CosineRecord, StratumRecord, TokenRecord, TokenTable
from nc_hf.statistics.class_statistics import ClassStatistics

ENDS = 20
"""Tokens at either end of the table."""
MOST_COLUMNS = 2000
"""Classes that a report keeps for its figures; half of them are the commonest."""


def stratify(
    stats: ClassStatistics,
    head: Head,
    names: Sequence[str],
    min_count: int,
    decisions: Decisions | None = None,
) -> list[StratumRecord]:
    """Measure the classes of each bin of frequency among themselves; bins without a class are left out.

    Args:
        stats: of all classes.
        head: the classifier head.
        names: metrics; those that cannot be split by class (``nc1_pinv``) or need more than head and decisions are
            left out, and so are those of a bin with a single class, or whose classes are not used, but for NC4.
        min_count: classes with so many tokens are used.
        decisions: of the sample, for NC4: a token falls into the bin of its true class.

    Raises:
        StatisticsError: fewer than two classes are used.
    """
    counts = stats.counts
    every = MetricInputs(stats, head, min_count, None, None)
    norms, dualities = relative_norms(every), every.duality_by_class
    strata = []
    for low, high in frequency_bins(min_count, int(counts.max())):
        inside = (counts >= low) & (counts <= high)
        if not bool(inside.any()):
            continue
        part = subset(stats, inside)
        decided = AgreementCounts() if decisions is None else decisions.of_classes(part.class_ids).counts()
        used = low >= min_count
        here = torch.isin(every.used.class_ids, part.class_ids)
        strata.append(
            StratumRecord(
                low=low,
                high=high,
                used=used,
                classes=part.num_classes,
                tokens=part.num_tokens,
                share=part.num_tokens / stats.num_tokens,
                norm=float(norms[here].mean()) if used else None,
                duality=float(dualities[here].nanmean()) if used else None,
                agreement_tokens=decided.tokens,
                metrics=_metrics_within(part, head, names, min_count, decided),
            )
        )
    return strata


def _metrics_within(
    part: ClassStatistics, head: Head, names: Sequence[str], min_count: int, decided: AgreementCounts
) -> dict[str, float]:
    """Compute what one bin allows."""
    allowed = {"head", "agreement"} if decided.tokens else {"head"}
    names = [name for name in names if allowed.issuperset(METRICS[name].needs)]
    without_classes = [name for name in names if "agreement" in METRICS[name].needs]
    if part.num_classes < 2 or int(part.counts[0]) < min_count:
        names = without_classes
    try:
        return compute_metrics(part, head, names, min_count, decided)
    except StatisticsError:  # min_count is 1, and a variance needs two classes of two tokens
        if len(names) < 2:
            return {}
        alone = (_metrics_within(part, head, [name], min_count, decided) for name in names)
        return {name: value for values in alone for name, value in values.items()}


def token_table(
    stats: ClassStatistics, head: Head, min_count: int, decisions: Decisions | None, tokenizer: Any
) -> TokenTable | None:
    """Return the part of a report that speaks of single tokens; None where fewer than two classes are left.

    Args:
        stats: of all classes.
        head: the classifier head.
        min_count: classes with fewer tokens, or with a single one, are left out.
        decisions: of the sample, for NC4.
        tokenizer: spells the tokens; None writes their ids.
    """
    min_count = max(min_count, 2)
    if int((stats.counts >= min_count).sum()) < 2:
        return None
    table, directions = class_table(stats, head, min_count, decisions)
    # A class without a rank (no variance between classes to measure against) is at neither end.
    ranked = table.variability.argsort(stable=True)
    ranked = ranked[~table.variability[ranked].isnan()]
    texts = [shown_text(tokenizer, token_id) for token_id in table.ids.tolist()]
    kept = _thinned(len(table.ids), MOST_COLUMNS)
    categories = None if tokenizer is None else categories_of(tokenizer, table.ids.tolist())
    common = len(directions)
    return TokenTable(
        min_count=min_count,
        classes=len(table.ids),
        most_collapsed=[_record(table, texts, place) for place in ranked[:ENDS].tolist()],
        least_collapsed=[_record(table, texts, place) for place in ranked.flip(0)[:ENDS].tolist()],
        columns=_columns(table, texts, kept),
        commonest=CosineRecord(
            table.ids[:common].tolist(), texts[:common], (directions @ directions.T).clamp(-1, 1).tolist()
        ),
        shares={} if categories is None else category_shares(stats, categories, min_count),
    )


def _record(table: ClassTable, texts: list[str], place: int) -> TokenRecord:
    nearest, sampled = int(table.nearest[place]), int(table.sampled[place])
    return TokenRecord(
        id=int(table.ids[place]),
        text=texts[place],
        count=int(table.counts[place]),
        variability=float(table.variability[place]),
        norm=float(table.norm[place]),
        duality=float(table.duality[place]),
        agreement=int(table.agreed[place]) / sampled if sampled else None,
        nearest_id=int(table.ids[nearest]),
        nearest_text=texts[nearest],
        distance=float(table.distance[place]),
    )


def _columns(table: ClassTable, texts: list[str], kept: Tensor) -> ClassColumns:
    return ClassColumns(
        ids=table.ids[kept].tolist(),
        texts=[texts[place] for place in kept.tolist()],
        counts=table.counts[kept].tolist(),
        variability=table.variability[kept].tolist(),
        norm=table.norm[kept].tolist(),
        duality=table.duality[kept].tolist(),
        sampled=table.sampled[kept].tolist(),
        agreed=table.agreed[kept].tolist(),
    )


def _thinned(classes: int, most: int) -> Tensor:
    """Return at most ``most`` places: the first half of them in a row, the rest spread evenly over what remains."""
    if classes <= most:
        return torch.arange(classes)
    first = most // 2
    spread = torch.linspace(first, classes - 1, most - first, dtype=torch.float64).round().long()
    return torch.cat([torch.arange(first), spread])
