"""From what one pass gathered to a report: the values, their errors, and the circumstances."""

from __future__ import annotations

import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from typing import Any

import torch

from nc_hf.measurement.collection import Collection, perplexity
from nc_hf.measurement.detail import stratify, token_table
from nc_hf.measurement.layer import Layer
from nc_hf.metrics.compute import compute_metrics
from nc_hf.metrics.decisions import AgreementCounts, Decisions
from nc_hf.metrics.inputs import Head
from nc_hf.metrics.table import DIAGNOSTICS, METRICS, needs_of
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
    total = decisions.counts()
    agreement = total if total.tokens else None
    values = layer_values(collection.final, groups, head, preset, min_count)
    needed = needs_of(values) | {"head"}
    diagnosed = [name for name in DIAGNOSTICS if name not in values and needed.issuperset(METRICS[name].needs)]
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
        metrics=values,
        definitions={name: METRICS[name].formula for name in values},
        diagnostics=compute_metrics(stats, head, diagnosed, min_count, agreement),
        layers=_every_layer(collection, values, min_count),
        agreement=None if agreement is None else AgreementRecord(agreement.tokens, leave_one_out=True),
        strata=stratify(stats, head, list(values), min_count, decisions),
        token_table=token_table(stats, head, token_min_count, decisions, tokenizer),
        head_check=collection.head_error,
        versions=_versions(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=round(time.monotonic() - started, 3),
    )


def layer_values(
    layer: Layer, groups: Sequence[Decisions], head: Head | None, preset: str | Sequence[str], min_count: int
) -> dict[str, MetricValue]:
    """Compute the metrics of one layer, with standard errors where its groups of rows were kept apart.

    Args:
        layer: what was gathered of it, reduced.
        groups: its sample's decisions, group by group.
        head: the classifier head, for the layer that it reads.
        preset: of `nc_hf.metrics.compute_metrics`, like ``min_count``.
        min_count: a class counts with so many tokens.
    """
    stats, counts = layer.statistics, [group.counts() for group in groups]
    total = sum(counts, AgreementCounts())
    values = compute_metrics(stats, head, preset, min_count, total if total.tokens else None)
    errors: dict[str, float] = {}
    if len(layer.groups) > 1:
        # On the classes of the whole: one that drops below min_count in a part would move the value by a leap, of which
        # the jackknife makes an error twice too large.
        counted = stats.class_ids[stats.counts >= min_count]
        measure_part = partial(compute_metrics, preset=preset, min_count=min_count, classes=counted)
        errors = jackknife(layer.groups, counts, lambda part, decided: measure_part(part, head, agreement=decided))
    return {name: MetricValue(value, errors.get(name)) for name, value in values.items()}


def _every_layer(
    collection: Collection, final: Mapping[str, MetricValue], min_count: int
) -> dict[str, dict[str, MetricValue]]:
    """Return the metrics of every layer, where there are several: the head reads the final one alone."""
    if len(collection.layers) == 1:
        return {}
    names = [name for name in final if "head" not in METRICS[name].needs]
    return {
        name: dict(final)
        if layer is collection.final
        else layer_values(layer, collection.decisions(name), None, names, min_count)
        for name, layer in collection.layers.items()
    }


def _versions() -> dict[str, str]:
    libraries = {library: version(library) for library in _LIBRARIES}
    return {"nc_hf": VERSION, "python": platform.python_version(), **libraries}
