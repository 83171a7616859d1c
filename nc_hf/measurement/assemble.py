"""From what one pass gathered to a report: the values, their errors, and the circumstances."""

from __future__ import annotations

import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import torch
from torch import Tensor

from nc_hf.corpus.spelling import byte_count, fragment_share
from nc_hf.measurement.collection import Collection, perplexity
from nc_hf.measurement.detail import stratify, token_table
from nc_hf.metrics.compute import compute_metrics
from nc_hf.metrics.decisions import AgreementCounts, Decisions
from nc_hf.metrics.jackknife import FEWEST_GROUPS, jackknife_error
from nc_hf.metrics.table import METRICS, diagnostics_of
from nc_hf.metrics.uncertainty import replicates
from nc_hf.model.tap import FINAL
from nc_hf.report import Report
from nc_hf.report.record import (
    AgreementRecord,
    ClassRecord,
    CorpusRecord,
    ErrorRecord,
    MetricValue,
    ModelRecord,
    OutlierRecord,
)
from nc_hf.runtime.version import VERSION
from nc_hf.statistics.class_statistics import ClassStatistics

_LIBRARIES = ("torch", "transformers", "accelerate", "datasets", "huggingface-hub", "safetensors")


def report_of(
    collection: Collection,
    model: ModelRecord,
    corpus: CorpusRecord,
    preset: str | Sequence[str],
    min_count: int,
    tokenizer: Any,
    started: float,
) -> Report:
    """Turn a reduced collection into a report.

    Args:
        collection: what one pass gathered.
        model: which weights.
        corpus: which tokens.
        preset: ``core``, ``paper``, ``full``, or names of metrics.
        min_count: a class counts with so many tokens; for the preset ``paper`` only in the table of single tokens.
        tokenizer: spells the tokens; None writes their ids.
        started: a reading of ``time.monotonic()``.
    """
    assert collection.head is not None
    stats, head = collection.statistics, collection.head
    token_min_count, min_count = min_count, 1 if preset == "paper" else min_count
    decisions = joined(collection.decisions())
    total = decisions.counts()
    agreement = total if total.tokens else None
    values, errors = layer_values(collection, FINAL, preset, min_count)
    counts = stats.counts
    counted = list(zip(stats.class_ids.tolist(), counts.tolist(), strict=True))
    used = counts[counts >= min_count]
    loss = collection.loss_sum / collection.tokens
    return Report(
        model=replace(model, head=head.describe()),
        corpus=replace(corpus, bytes=None if tokenizer is None else byte_count(tokenizer, counted)),
        tokens=collection.tokens,
        classes=ClassRecord(
            seen=stats.num_classes,
            used=len(used),
            min_count=min_count,
            coverage=int(used.sum()) / stats.num_tokens,
            vocab_size=head.vocab_size,
            unigram_entropy=_entropy(counts),
            fragment_share=None if tokenizer is None else fragment_share(tokenizer, counted),
        ),
        loss=loss,
        perplexity=perplexity(loss),
        accuracy=collection.correct / collection.tokens,
        preset=preset if isinstance(preset, str) else ",".join(preset),
        metrics=values,
        definitions={name: METRICS[name].formula for name in values},
        diagnostics=compute_metrics(stats, head, diagnostics_of(values), min_count, agreement),
        layers=_every_layer(collection, values, min_count),
        outliers={
            name: OutlierRecord(layer.outliers.tolist(), layer.outlier_share)
            for name, layer in collection.layers.items()
            if len(layer.outliers)
        },
        agreement=None if agreement is None else AgreementRecord(agreement.tokens, leave_one_out=True),
        errors=_error_record(collection, errors),
        strata=stratify(stats, head, list(values), min_count, decisions),
        token_table=token_table(stats, head, token_min_count, decisions, tokenizer),
        head_check=collection.head_error,
        versions=_versions(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=round(time.monotonic() - started, 3),
    )


def layer_values(
    collection: Collection, name: str, preset: str | Sequence[str], min_count: int
) -> tuple[dict[str, MetricValue], dict[str, list[float]]]:
    """Compute the metrics of one layer, with standard errors where enough groups of rows were kept apart.

    Args:
        collection: reduced; every process calls this.
        name: of the layer; the head is there for the final one alone.
        preset: of `nc_hf.metrics.compute_metrics`, like ``min_count``.
        min_count: a class counts with so many tokens.

    Returns:
        The values, and the replicates behind their errors: without each group in turn, by centres made anew.
    """
    layer, head = collection.layers[name], collection.head if name == FINAL else None
    stats, total = layer.statistics, joined(collection.decisions(name)).counts()
    values = compute_metrics(stats, head, preset, min_count, total if total.tokens else None)
    # On the classes of the whole: one that drops below min_count in a part would move the value by a leap, of which the
    # jackknife makes an error twice too large.
    counted = stats.class_ids[stats.counts >= min_count]

    def measure_without(part: ClassStatistics, group: int) -> dict[str, float]:
        decided = joined(collection.decisions(name, centres=part, without=group)).counts()
        agreement = decided if decided.tokens else None
        return compute_metrics(part, head, preset, min_count, agreement, classes=counted)

    found = replicates(layer.groups, measure_without) if len(layer.groups) >= FEWEST_GROUPS else {}
    return {key: valued(key, value, found.get(key), total) for key, value in values.items()}, found


def joined(groups: Sequence[Decisions]) -> Decisions:
    """Return the decisions of all groups as one."""
    return Decisions.from_rows(torch.cat([group.to_rows() for group in groups], dim=1))


def valued(name: str, value: float, found: Sequence[float] | None, decided: AgreementCounts) -> MetricValue:
    """Return a value with its error; a share of 0 or 1 has none to be seen, and a bound by the rule of three."""
    of = METRICS[name].share_of
    if of is not None and value in (0.0, 1.0):
        return MetricValue(value, bound=3 / getattr(decided, of))
    return MetricValue(value, None if found is None else jackknife_error(found))


def _error_record(collection: Collection, found: Mapping[str, list[float]]) -> ErrorRecord | None:
    """Return the replicates of the metrics with those of loss and accuracy; None where there are too few groups."""
    tokens, losses, correct = collection.outcomes
    if len(tokens) < FEWEST_GROUPS:
        return None
    rest = tokens.sum() - tokens
    outcomes = {"loss": (losses.sum() - losses) / rest, "accuracy": (correct.sum() - correct) / rest}
    return ErrorRecord(
        groups=len(tokens),
        classes="held",
        replicates={**{name: values.tolist() for name, values in outcomes.items()}, **found},
    )


def _every_layer(
    collection: Collection, final: Mapping[str, MetricValue], min_count: int
) -> dict[str, dict[str, MetricValue]]:
    """Return the metrics of every layer, where there are several: the head reads the final one alone."""
    if len(collection.layers) == 1:
        return {}
    names = [name for name in final if "head" not in METRICS[name].needs]
    return {
        name: dict(final) if name == FINAL else layer_values(collection, name, names, min_count)[0]
        for name in collection.layers
    }


def _entropy(counts: Tensor) -> float:
    """Return the entropy of classes (C,) by their counts, in nats a token."""
    shares = counts.double() / counts.sum()
    return float(-(shares * shares.log()).sum())


def _versions() -> dict[str, str]:
    libraries = {library: version(library) for library in _LIBRARIES}
    return {"nc_hf": VERSION, "python": platform.python_version(), **libraries}
