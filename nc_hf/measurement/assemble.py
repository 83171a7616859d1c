"""From what one pass gathered to a report: the values, their errors, and the circumstances."""

from __future__ import annotations

import platform
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from typing import Any

import torch

from nc_hf.measurement.collection import Collection, perplexity
from nc_hf.measurement.detail import stratify, token_table
from nc_hf.metrics.compute import compute_metrics
from nc_hf.metrics.decisions import Decisions
from nc_hf.metrics.table import DIAGNOSTICS, METRICS
from nc_hf.metrics.uncertainty import jackknife
from nc_hf.report import Report
from nc_hf.report.record import AgreementRecord, ClassRecord, CorpusRecord, MetricValue, ModelRecord
from nc_hf.runtime.version import VERSION

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
    groups = collection.decisions()
    decisions = Decisions.from_rows(torch.cat([group.to_rows() for group in groups], dim=1))
    by_group, total = [group.counts() for group in groups], decisions.counts()
    agreement = total if total.tokens else None
    values = compute_metrics(stats, head, preset, min_count, agreement)
    errors: dict[str, float] = {}
    if len(collection.groups) > 1:
        # On the classes of the whole: one that drops below min_count in a part would move the value by a leap, of which
        # the jackknife makes an error twice too large.
        counted = stats.class_ids[stats.counts >= min_count]
        measure_part = partial(compute_metrics, preset=preset, min_count=min_count, classes=counted)
        errors = jackknife(
            collection.groups, by_group, lambda part, decided: measure_part(part, head, agreement=decided)
        )
    diagnosed = [
        name
        for name in DIAGNOSTICS
        if name not in values and (agreement is not None or "agreement" not in METRICS[name].needs)
    ]
    counts = stats.counts
    used = counts[counts >= min_count]
    loss = collection.loss_sum / collection.tokens
    return Report(
        model=replace(model, head=head.describe()),
        corpus=corpus,
        tokens=collection.tokens,
        classes=ClassRecord(
            seen=stats.num_classes,
            used=len(used),
            min_count=min_count,
            coverage=int(used.sum()) / stats.num_tokens,
            vocab_size=head.vocab_size,
        ),
        loss=loss,
        perplexity=perplexity(loss),
        accuracy=collection.correct / collection.tokens,
        preset=preset if isinstance(preset, str) else ",".join(preset),
        metrics={name: MetricValue(value, errors.get(name)) for name, value in values.items()},
        definitions={name: METRICS[name].formula for name in values},
        diagnostics=compute_metrics(stats, head, diagnosed, min_count, agreement),
        layers=_layer_metrics(collection, values, min_count),
        agreement=None if agreement is None else AgreementRecord(agreement.tokens, leave_one_out=True),
        strata=stratify(stats, head, list(values), min_count, decisions),
        token_table=token_table(stats, head, token_min_count, decisions, tokenizer),
        head_check=collection.head_error,
        versions=_versions(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=round(time.monotonic() - started, 3),
    )


def _layer_metrics(collection: Collection, values: dict[str, float], min_count: int) -> dict[str, dict[str, float]]:
    """Return, of every layer, those metrics that need nothing but statistics."""
    if len(collection.layers) == 1:
        return {}
    names = [name for name in values if not METRICS[name].needs]
    return {name: compute_metrics(stats, None, names, min_count) for name, stats in collection.layers.items()}


def _versions() -> dict[str, str]:
    libraries = {library: version(library) for library in _LIBRARIES}
    return {"nc_hf": VERSION, "python": platform.python_version(), **libraries}
