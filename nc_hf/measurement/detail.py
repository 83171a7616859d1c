"""The parts of a report that lie beneath its values: strata of class frequency, and single tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from nc_hf.corpus.blocks import TokenBlocks
from nc_hf.corpus.vocabulary import categories_of, shown_text
from nc_hf.errors import StatisticsError
from nc_hf.measurement.contexts import contexts_of
from nc_hf.metrics import METRICS
from nc_hf.metrics.classes import counted
from nc_hf.metrics.compute import compute_metrics
from nc_hf.metrics.decisions import AgreementCounts, Decisions
from nc_hf.metrics.inputs import Head, MetricInputs
from nc_hf.metrics.projection import PLANES, project
from nc_hf.metrics.strata import category_shares, frequency_bins, relative_norms, subset
from nc_hf.metrics.tokens import ClassTable, class_table
from nc_hf.report.detail import (
    ClassColumns,
    CosineRecord,
    PlaneRecord,
    StratumRecord,
    TokenMap,
    TokenRecord,
    TokenTable,
)
from nc_hf.statistics.class_statistics import ClassStatistics

ENDS = 20
"""Tokens at either end of the table."""
MOST_COLUMNS = 2000
"""Classes that a report keeps for its figures; half of them are the commonest."""
_DECIMALS = 4  # of places and distances, in the root mean square length of the class means


def stratify(
    stats: ClassStatistics,
    head: Head,
    names: Sequence[str],
    classes: Tensor | None,
    decisions: Decisions | None = None,
) -> list[StratumRecord]:
    """Measure the classes of each bin of frequency among themselves, those that count apart from those that do not.

    Args:
        stats: of all classes.
        head: the classifier head.
        names: metrics; those that cannot be split by class (``nc1_pinv``) or need more than head and decisions are
            left out, and so are those of a bin with a single class, but for NC4, and all where classes do not count.
        classes: (K,) ids of the classes that count; None for every one.
        decisions: of the sample, for NC4: a token falls into the bin of its true class.

    Raises:
        StatisticsError: fewer than two classes count.
    """
    counts = stats.counts
    counting = torch.ones_like(counts, dtype=torch.bool) if classes is None else counted(stats, classes)
    whole = MetricInputs(stats, head, 1, None, None, classes=classes)
    strata = []
    for low, high in frequency_bins(int(counts.max())):
        inside = (counts >= low) & (counts <= high)
        for used in (False, True):
            mine = inside & (counting == used)
            if bool(mine.any()):
                strata.append(_stratum(whole, subset(stats, mine), (low, high), names, decisions, used=used))
    return strata


def _stratum(
    whole: MetricInputs,
    part: ClassStatistics,
    counts: tuple[int, int],
    names: Sequence[str],
    decisions: Decisions | None,
    *,
    used: bool,
) -> StratumRecord:
    decided = AgreementCounts() if decisions is None else decisions.of_classes(part.class_ids).counts()
    here = torch.isin(whole.used.class_ids, part.class_ids)
    assert whole.head is not None
    return StratumRecord(
        low=counts[0],
        high=counts[1],
        used=used,
        classes=part.num_classes,
        tokens=part.num_tokens,
        share=part.num_tokens / whole.stats.num_tokens,
        norm=float(relative_norms(whole)[here].mean()) if used else None,
        duality=float(whole.duality_by_class[here].nanmean()) if used else None,
        agreement_tokens=decided.tokens,
        metrics=_metrics_within(part, whole.head, names, decided) if used else {},
    )


def _metrics_within(
    part: ClassStatistics, head: Head, names: Sequence[str], decided: AgreementCounts
) -> dict[str, float]:
    """Compute what one bin allows."""
    allowed = {"head", "agreement"} if decided.tokens else {"head"}
    names = [name for name in names if allowed.issuperset(METRICS[name].needs)]
    if part.num_classes < 2:
        names = [name for name in names if "agreement" in METRICS[name].needs]
    try:
        return compute_metrics(part, head, names, 1, decided)
    except StatisticsError:  # a variance needs two classes of two tokens
        if len(names) < 2:
            return {}
        alone = (_metrics_within(part, head, [name], decided) for name in names)
        return {name: value for values in alone for name, value in values.items()}


def token_table(
    stats: ClassStatistics,
    head: Head,
    classes: Tensor | None,
    decisions: Decisions | None,
    tokenizer: Any,
    *,
    blocks: TokenBlocks | None = None,
    contexts: int = 0,
) -> TokenTable | None:
    """Return the part of a report that speaks of single tokens; None where fewer than two classes have two tokens.

    Args:
        stats: of all classes.
        head: the classifier head.
        classes: (K,) ids of the classes that count; None for every one.
        decisions: of the sample, for NC4.
        tokenizer: spells the tokens; None writes their ids.
        blocks: that were read, from which contexts are quoted.
        contexts: how many of each token; none without a tokenizer.
    """
    if int((stats.counts >= 2 if classes is None else counted(stats, classes)).sum()) < 2:
        return None
    inputs = MetricInputs(stats, head, 2, None, None, classes=classes)
    table, directions = class_table(inputs, decisions)
    # A class without a rank (no variance between classes to measure against) is at neither end.
    ranked = table.variability.argsort(stable=True)
    ranked = ranked[~table.variability[ranked].isnan()]
    texts = [shown_text(tokenizer, token_id) for token_id in table.ids.tolist()]
    kept = _thinned(len(table.ids), MOST_COLUMNS)
    categories = None if tokenizer is None else categories_of(tokenizer, table.ids.tolist())
    common = len(directions)
    return TokenTable(
        classes=len(table.ids),
        most_collapsed=[_record(table, texts, place) for place in ranked[:ENDS].tolist()],
        least_collapsed=[_record(table, texts, place) for place in ranked.flip(0)[:ENDS].tolist()],
        columns=_columns(table, texts, kept),
        commonest=CosineRecord(
            table.ids[:common].tolist(), texts[:common], (directions @ directions.T).clamp(-1, 1).tolist()
        ),
        shares={} if categories is None else category_shares(stats, categories, classes),
        map=TokenMap(
            planes=_planes(inputs, table.ids[kept]),
            contexts=[[] for _ in kept]
            if blocks is None or tokenizer is None or not contexts
            else contexts_of(blocks, table.ids[kept], contexts, tokenizer),
            **_neighbours(table, texts, kept),
        ),
    )


def _planes(inputs: MetricInputs, token_ids: Tensor) -> list[PlaneRecord]:
    """Project all classes that count, and return where those of ``token_ids`` lie."""
    places = torch.searchsorted(inputs.used.class_ids.cpu(), token_ids)
    records = []
    for axes_of in PLANES:
        found = project(inputs.used.centred, inputs.weight, axes_of)
        x, y = _rounded(found.means.cpu()[places].T)
        row_x, row_y = _rounded(found.rows.cpu()[places].T)
        records.append(PlaneRecord(axes_of, found.means_share.tolist(), found.rows_share.tolist(), x, y, row_x, row_y))
    return records


def _neighbours(table: ClassTable, texts: list[str], kept: Tensor) -> dict[str, Any]:
    nearest, known = table.nearest[kept], set(kept.tolist())
    others = sorted(set(nearest.flatten().tolist()) - known)
    return {
        "nearest": table.ids[nearest].tolist(),
        "distances": _rounded(table.distance[kept]),
        "others": {str(int(table.ids[place])): texts[place] for place in others},
    }


def _rounded(values: Tensor) -> Any:
    """Return a tensor as nested lists, to what a map shows."""
    return (values.round(decimals=_DECIMALS) + 0.0).tolist()  # no -0.0


def _record(table: ClassTable, texts: list[str], place: int) -> TokenRecord:
    nearest, sampled = int(table.nearest[place, 0]), int(table.sampled[place])
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
        distance=float(table.distance[place, 0]),
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
