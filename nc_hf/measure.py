"""Measure a causal language model on a corpus: the one call behind the command line, the study and the Space."""

from __future__ import annotations

import hashlib
import platform
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from accelerate.state import PartialState
from torch import nn

import nc_hf
from nc_hf.collect import collect, perplexity
from nc_hf.collection import Collection
from nc_hf.corpus import TokenBlocks, open_corpus
from nc_hf.errors import InputError, TokenizerError
from nc_hf.hub import check_tokenizer, load_model, load_tokenizer, open_tokenizer, resolve
from nc_hf.metrics import METRICS, compute_metrics, metric_names
from nc_hf.report import Report
from nc_hf.report.record import AgreementRecord, ClassRecord, CorpusRecord, MetricValue, ModelRecord
from nc_hf.uncertainty import jackknife

GROUPS = 10  # of blocks, for the standard errors
DIAGNOSTICS = ("nc1_cdnv_excluded_share", "nc4_nearest_ties", "nc4_linear_ties")
_DEFAULT_BLOCK = 1024
_LIBRARIES = ("torch", "transformers", "accelerate", "datasets", "huggingface-hub", "safetensors")


def measure(
    model: str | nn.Module,
    corpus: str | TokenBlocks = "tinystories",
    *,
    split: str = "validation",
    tokenizer: Any = None,
    revision: str | None = None,
    preset: str | Sequence[str] = "core",
    max_tokens: int | None = 1_000_000,
    min_count: int = 10,
    packing: str = "documents",
    block_size: int | None = None,
    batch_size: int = 8,
    layers: str = "final",
    dtype: str | torch.dtype | None = None,
    device: str | torch.device | None = None,
    shard: tuple[int, int] | None = None,
    statistics_path: str | Path | None = None,
    checkpoint_path: str | Path | None = None,
    save_every: int = 200,
    agreement_tokens: int = 16_384,
    progress: bool = True,
    uncertainty: bool = True,
) -> Report:
    """Measure neural collapse of a model on held-out text, in one pass.

    Args:
        model: ``ID[@REVISION]`` on the Hub, a local folder, or a model in memory (then pass ``tokenizer`` too).
        corpus: ``builtin``, ``tinystories``, a path, ``hub:ID[:config][:split][:column]``, or blocks made before.
        split: which part of the corpus.
        tokenizer: a tokenizer, or the folder or id of one; default: the model's own.
        revision: branch, tag or commit of the model.
        preset: ``core``, ``paper``, ``full``, or names of metrics.
        max_tokens: tokens to read at the most; None reads all.
        min_count: a class counts with so many tokens.
        packing: ``documents``, or ``paper`` for the packing of arXiv 2405.17767.
        block_size: tokens a block; default: the model's context, 1,024 at the most.
        batch_size: blocks a forward pass.
        layers: ``final``, or ``all`` to add the statistics-only metrics of every block's output.
        dtype: of the weights; default: the checkpoint's own.
        device: default: a GPU if there is one.
        shard: (i, n) reads the i-th of n parts of the blocks, whose statistics files can be merged.
        statistics_path: where to save the statistics.
        checkpoint_path: folder to save the unfinished pass to, and to go on from.
        save_every: batches between two saves.
        agreement_tokens: tokens of the sample on which NC4 is decided; 0 leaves NC4 out.
        progress: show a progress bar on stderr.
        uncertainty: add standard errors, by measuring ten times with a tenth of the blocks left out.

    Raises:
        NCError: of the kind that fits; the message says what to do.
    """
    started = time.monotonic()
    names = metric_names(preset)
    on_cpu = not torch.accelerator.is_available() or torch.device(device or "cuda").type == "cpu"
    process = PartialState(cpu=on_cpu)  # said now, since several processes on CPU do not find each other otherwise
    device = device or process.device
    network, record, own_tokenizer = _open_model(model, revision, dtype, device)
    blocks = _blocks(corpus, split, tokenizer or own_tokenizer, network, packing, block_size, max_tokens)
    part = blocks if shard is None else blocks.shard(*shard)
    collection = collect(
        network,
        part,
        batch_size=batch_size,
        layers=layers,
        covariance="nc1_pinv" in names,
        agreement_tokens=agreement_tokens if any(name.startswith("nc4") for name in names) else 0,
        groups=min(GROUPS, len(part)) if uncertainty else 1,
        checkpoint=checkpoint_path,
        save_every=save_every,
        progress=progress,
    )
    if statistics_path is not None and process.is_main_process:
        _save_statistics(collection, record, blocks, shard, statistics_path)
    corpus_record = CorpusRecord(
        source=part.source,
        split=part.split,
        fingerprint=part.fingerprint,
        packing=part.packing,
        block_size=part.input_ids.shape[1],
        blocks=len(part),
        documents=part.num_documents,
        tokenizer_hash=part.tokenizer_hash,
        shard=None if shard is None else f"{shard[0]}/{shard[1]}",
    )
    return report_of(collection, record, corpus_record, preset, min_count, started)


def report_of(
    collection: Collection,
    model: ModelRecord,
    corpus: CorpusRecord,
    preset: str | Sequence[str],
    min_count: int,
    started: float,
) -> Report:
    """Turn a reduced collection into a report; ``started`` is a reading of ``time.monotonic()``."""
    assert collection.head is not None
    stats, head = collection.statistics, collection.head
    min_count = 1 if preset == "paper" else min_count
    by_group = collection.agreement()
    total = sum(by_group[1:], by_group[0])
    agreement = total if total.tokens else None
    values = compute_metrics(stats, head, preset, min_count, agreement)
    errors: dict[str, float] = {}
    if len(collection.groups) > 1:
        errors = jackknife(
            collection.groups, by_group, lambda part, decided: compute_metrics(part, head, preset, min_count, decided)
        )
    diagnosed = [n for n in DIAGNOSTICS if n not in values and (n.startswith("nc1") or agreement is not None)]
    counts = stats.counts
    used = counts[counts >= min_count]
    loss = collection.loss_sum / collection.tokens
    return Report(
        model=_with_head(model, head.describe()),
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
        head_check=collection.head_error,
        versions=_versions(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=round(time.monotonic() - started, 3),
    )


def _open_model(
    model: str | nn.Module, revision: str | None, dtype: Any, device: Any
) -> tuple[nn.Module, ModelRecord, Any]:
    """Load a named model with its tokenizer, or take one in memory as it is."""
    if isinstance(model, nn.Module):
        name = str(getattr(model.config, "name_or_path", "") or type(model).__name__)
        return model, _model_record(model, name, revision, None), None
    source = resolve(model, revision, allow_local=True)
    network = load_model(source, dtype, device)
    try:
        tokenizer = load_tokenizer(source)
    except TokenizerError:
        tokenizer = None  # one may have been named; if not, that is said where it is needed
    return network, _model_record(network, source.id, source.revision, source.commit or source.identity), tokenizer


def _model_record(model: Any, name: str, revision: str | None, commit: str | None) -> ModelRecord:
    parameters = list(model.parameters())
    return ModelRecord(
        id=name,
        revision=revision,
        commit=commit,
        architecture=type(getattr(model, "_orig_mod", model)).__name__,
        parameters=sum(parameter.numel() for parameter in parameters),
        dtype=str(parameters[0].dtype).removeprefix("torch."),
        head={},
    )


def _with_head(record: ModelRecord, head: dict[str, Any]) -> ModelRecord:
    return ModelRecord(**{**vars(record), "head": head})


def _blocks(
    corpus: str | TokenBlocks,
    split: str,
    tokenizer: Any,
    model: Any,
    packing: str,
    block_size: int | None,
    max_tokens: int | None,
) -> TokenBlocks:
    if isinstance(corpus, TokenBlocks):
        return corpus
    if tokenizer is None:
        raise TokenizerError("there is no tokenizer with the model: name the one that it was trained with.")
    if isinstance(tokenizer, str | Path):
        tokenizer = open_tokenizer(str(tokenizer), allow_local=True)
    config = model.config.get_text_config()
    check_tokenizer(tokenizer, config)
    context = getattr(config, "max_position_embeddings", None) or _DEFAULT_BLOCK
    if block_size is not None and not 2 <= block_size <= context:
        raise InputError(f"block_size is {block_size}: pass 2 to {context}, the model's context.")
    return open_corpus(corpus, split).pack(
        tokenizer, block_size or min(context, _DEFAULT_BLOCK), packing=packing, max_tokens=max_tokens
    )


def _save_statistics(
    collection: Collection, model: ModelRecord, blocks: TokenBlocks, shard: tuple[int, int] | None, path: str | Path
) -> None:
    """Save the final statistics with what made them, so that only shards of one measurement merge."""
    assert collection.head is not None
    stats = collection.statistics
    index, count = shard or (0, 1)
    stats.provenance = {
        "model": model.id,
        "commit": model.commit or _weight_hash(collection.head.weight),
        "corpus": blocks.fingerprint,
        "packing": blocks.packing,
        "dtype": model.dtype,
        "shards": f"{index}/{count}",
    }
    stats.save(path)


def _weight_hash(weight: torch.Tensor) -> str:
    """Identify a model in memory by its head."""
    return hashlib.sha256(weight.detach().float().cpu().numpy().tobytes()).hexdigest()


def _layer_metrics(collection: Collection, values: dict[str, float], min_count: int) -> dict[str, dict[str, float]]:
    """Return, of every layer, those metrics that need nothing but statistics."""
    if len(collection.layers) == 1:
        return {}
    names = [name for name in values if not METRICS[name].needs]
    return {name: compute_metrics(stats, None, names, min_count) for name, stats in collection.layers.items()}


def _versions() -> dict[str, str]:
    libraries = {library: version(library) for library in _LIBRARIES}
    return {"nc_hf": nc_hf.__version__, "python": platform.python_version(), **libraries}
