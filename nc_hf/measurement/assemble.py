"""From what one pass gathered to a report: the values, their errors, and the circumstances."""

from __future__ import annotations

import math
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from torch import Tensor

from nc_hf.corpus.blocks import TokenBlocks
from nc_hf.corpus.classes import EVERY, ClassChoice
from nc_hf.corpus.spelling import byte_count, fragment_share
from nc_hf.measurement.collection import Collection
from nc_hf.measurement.detail import stratify, token_table
from nc_hf.measurement.layer_values import LayerValues, layer_values
from nc_hf.measurement.outcomes import perplexity
from nc_hf.measurement.sample import DecidedSample
from nc_hf.metrics.classes import used_classes
from nc_hf.metrics.drawing import number_of_pairs
from nc_hf.metrics.jackknife import FEWEST_GROUPS
from nc_hf.metrics.table import METRICS
from nc_hf.model.forward_pass import FINAL
from nc_hf.report import Report
from nc_hf.report.record import DrawnRecord, ErrorRecord, MetricValue, ModelRecord, OutlierRecord
from nc_hf.report.text_record import AgreementRecord, ClassRecord, CorpusRecord
from nc_hf.runtime.version import VERSION
from nc_hf.statistics.class_statistics import ClassStatistics

_LIBRARIES = ("torch", "transformers", "accelerate", "datasets", "huggingface-hub", "safetensors")


def report_of(
    collection: Collection,
    model: ModelRecord,
    corpus: CorpusRecord,
    preset: str | Sequence[str],
    choice: ClassChoice,
    tokenizer: Any,
    started: float,
    *,
    blocks: TokenBlocks | None = None,
    contexts: int = 0,
    exact_classes: int | None = None,
) -> Report:
    """Turn a reduced collection into a report.

    Args:
        collection: what one pass gathered.
        model: which weights.
        corpus: which tokens.
        preset: ``core``, ``paper``, ``full``, or names of metrics.
        choice: the classes that count; for the preset ``paper``, where all do, only in the table of single tokens.
        tokenizer: spells the tokens; None writes their ids.
        started: a reading of ``time.monotonic()``.
        blocks: that were read, from which contexts of single tokens are quoted.
        contexts: how many of each token.
        exact_classes: of more classes than these pairs are drawn; None: never.
    """
    assert collection.head is not None
    stats, head = collection.statistics, collection.head
    in_table, choice = choice.ids, ClassChoice(EVERY, None) if preset == "paper" else choice
    decided = collection.decided(choice.ids)
    final = layer_values(collection, FINAL, preset, decided, exact_classes)
    values, decisions = final.values, final.decisions
    sampled = decisions.counts().tokens
    counts = stats.counts
    spelled = list(zip(stats.class_ids.tolist(), counts.tolist(), strict=True))
    loss = collection.loss_sum / collection.tokens
    return Report(
        model=replace(model, head=head.describe()),
        corpus=replace(corpus, bytes=None if tokenizer is None else byte_count(tokenizer, spelled)),
        tokens=collection.tokens,
        classes=replace(
            _class_record(stats, choice, head.vocab_size),
            fragment_share=None if tokenizer is None else fragment_share(tokenizer, spelled),
        ),
        loss=loss,
        perplexity=perplexity(loss),
        accuracy=collection.correct / collection.tokens,
        preset=preset if isinstance(preset, str) else ",".join(preset),
        metrics=values,
        definitions={name: _definition(name, final) for name in values},
        diagnostics=final.diagnostics,
        layers=_every_layer(collection, values, decided, exact_classes),
        outliers={
            name: OutlierRecord(layer.outliers.tolist(), layer.outlier_share)
            for name, layer in collection.layers.items()
            if len(layer.outliers)
        },
        agreement=AgreementRecord(sampled, leave_one_out=True, classes="seen" if choice.ids is None else "listed")
        if sampled
        else None,
        errors=_error_record(collection, final, "held" if choice.ids is None else "fixed"),
        drawn=_drawn_record(stats, choice.ids, final),
        strata=stratify(stats, head, list(values), choice.ids, decisions),
        token_table=token_table(stats, head, in_table, decisions, tokenizer, blocks=blocks, contexts=contexts),
        head_check=collection.head_error,
        versions=_versions(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=round(time.monotonic() - started, 3),
    )


def _definition(name: str, final: LayerValues) -> str:
    formula = METRICS[name].formula
    return f"{formula}; estimated by drawn pairs" if name in final.drawing else formula


def _drawn_record(stats: ClassStatistics, ids: Tensor | None, final: LayerValues) -> DrawnRecord | None:
    if not final.drawing:
        return None
    used = stats.class_ids[used_classes(stats, ids)]
    return DrawnRecord(number_of_pairs(used), math.comb(len(used), 2), final.drawing)


def _class_record(stats: ClassStatistics, choice: ClassChoice, vocab_size: int) -> ClassRecord:
    counts = stats.counts
    used = counts[used_classes(stats, choice.ids)]
    return ClassRecord(
        seen=stats.num_classes,
        rule=choice.rule,
        listed=stats.num_classes if choice.ids is None else len(choice.ids),
        used=len(used),
        fewest=int(used.min()),
        hash=choice.hash,
        census=choice.census,
        coverage=int(used.sum()) / stats.num_tokens,
        vocab_size=vocab_size,
        unigram_entropy=_entropy(counts),
        ids=[] if choice.ids is None else choice.ids.tolist(),
    )


def _error_record(collection: Collection, final: LayerValues, classes: str) -> ErrorRecord | None:
    """Return the replicates of the metrics with those of loss and accuracy; None where there are too few groups.

    What drawn pairs estimate leaves its replicates out: they do not know of the error that the drawing makes, and a
    comparison by them would take that for a difference.
    """
    tokens, losses, correct = collection.outcomes.sums
    if len(tokens) < FEWEST_GROUPS:
        return None
    rest = tokens.sum() - tokens
    outcomes = {"loss": (losses.sum() - losses) / rest, "accuracy": (correct.sum() - correct) / rest}
    return ErrorRecord(
        groups=len(tokens),
        classes=classes,
        corrected=[name for name in final.replicates if METRICS[name].debiased],
        replicates={
            **{name: values.tolist() for name, values in outcomes.items()},
            **{name: values for name, values in final.replicates.items() if name not in final.drawing},
        },
    )


def _every_layer(
    collection: Collection, final: Mapping[str, MetricValue], decided: DecidedSample, exact_classes: int | None
) -> dict[str, dict[str, MetricValue]]:
    """Return the metrics of every layer, where there are several: the head reads the final one alone."""
    if len(collection.layers) == 1:
        return {}
    names = [name for name in final if "head" not in METRICS[name].needs]
    return {
        name: dict(final) if name == FINAL else layer_values(collection, name, names, decided, exact_classes).values
        for name in collection.layers
    }


def _entropy(counts: Tensor) -> float:
    """Return the entropy of classes (C,) by their counts, in nats a token."""
    shares = counts.double() / counts.sum()
    return float(-(shares * shares.log()).sum())


def _versions() -> dict[str, str]:
    libraries = {library: version(library) for library in _LIBRARIES}
    return {"nc_hf": VERSION, "python": platform.python_version(), **libraries}
