"""Measure a causal language model on a corpus: the one call behind the command line, trajectories and the Space."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from accelerate.state import PartialState
from torch import nn

from nc_hf.corpus.blocks import TokenBlocks, tokenizer_hash
from nc_hf.corpus.corpus import Corpus, open_corpus
from nc_hf.errors import InputError, TokenizerError
from nc_hf.hub import ModelSource, download, load_model, load_tokenizer, open_tokenizer, resolve
from nc_hf.measurement.assemble import report_of
from nc_hf.measurement.collection import Collection
from nc_hf.measurement.one_pass import collect
from nc_hf.metrics.compute import pass_metrics
from nc_hf.metrics.table import needs_of
from nc_hf.model.anatomy import weight_hash
from nc_hf.report import Report
from nc_hf.report.record import CorpusRecord, ModelRecord
from nc_hf.runtime.progress import Listener, Meter

MAX_TOKENS = 1_000_000
GROUPS = 10  # of blocks, for the standard errors


def measure(
    model: str | nn.Module,
    corpus: str | Corpus | TokenBlocks = "tinystories",
    *,
    split: str = "validation",
    tokenizer: Any = None,
    revision: str | None = None,
    preset: str | Sequence[str] = "core",
    max_tokens: int | None = MAX_TOKENS,
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
    progress: bool | Listener = True,
    uncertainty: bool = True,
    allow_local: bool = True,
    max_bytes: int | None = None,
    token: str | bool | None = None,
) -> Report:
    """Measure neural collapse of a model on held-out text, in one pass.

    Args:
        model: ``ID[@REVISION]`` on the Hub, a local folder, or a model in memory (then pass ``tokenizer`` too).
        corpus: ``builtin``, ``tinystories``, a path, ``hub:ID[:config][:split][:column]``, a ``Corpus`` opened before,
            or blocks made before.
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
        shard: (i, n), i from 0, reads one of n parts of the blocks, whose statistics files can be merged.
        statistics_path: where to save the statistics.
        checkpoint_path: folder to save the unfinished pass to, and to go on from.
        save_every: batches between two saves.
        agreement_tokens: tokens of the sample on which NC4 is decided; 0 leaves NC4 out.
        progress: show a progress bar on stderr, or call this with every step (see ``nc_hf.runtime.progress``).
        uncertainty: add standard errors, by measuring ten times with a tenth of the blocks left out.
        allow_local: whether names may be paths; False for names that came over a network.
        max_bytes: refuse weights larger than this.
        token: for the Hub, the reader's own; default: the one the client finds; False for none.

    Raises:
        NCError: of the kind that fits; the message says what to do.
    """
    started = time.monotonic()
    needed = needs_of(pass_metrics(preset, min_count, agreement_tokens))
    _check_given(model, corpus, dtype, block_size, packing, max_tokens)
    listener = progress if callable(progress) else None
    _check_device(device)
    on_cpu = not torch.accelerator.is_available() or torch.device(device or "cuda").type == "cpu"
    process = PartialState(cpu=on_cpu)  # said now, since several processes on CPU do not find each other otherwise
    if isinstance(model, nn.Module):
        name = str(getattr(model.config, "name_or_path", "") or type(model).__name__)
        network, record, own_tokenizer = model, _model_record(model, name, revision, None), None
    else:
        Meter(listener, "resolving")
        source = resolve(model, revision, allow_local=allow_local, max_bytes=max_bytes, token=token)
        network, record, own_tokenizer = _load(source, dtype, device or process.device, token, listener)
    if isinstance(tokenizer, str | Path):
        tokenizer = open_tokenizer(str(tokenizer), allow_local=allow_local, token=token)
    tokenizer = tokenizer or own_tokenizer
    if isinstance(corpus, TokenBlocks):
        blocks = corpus
        if tokenizer is not None and tokenizer_hash(tokenizer) != blocks.tokenizer_hash:
            tokenizer = None  # it would spell other tokens
    else:
        meter = Meter(listener, "packing", max_tokens or 0)
        opened = open_corpus(corpus, split, allow_local=allow_local, token=token) if isinstance(corpus, str) else corpus
        blocks = opened.pack_for(
            network, tokenizer, block_size, packing=packing, max_tokens=max_tokens, progress=meter.advance
        )
    part = blocks if shard is None else blocks.shard(*shard)
    collection = collect(
        network,
        part,
        batch_size=batch_size,
        layers=layers,
        covariance="covariance" in needed,
        agreement_tokens=agreement_tokens if "agreement" in needed else 0,
        groups=min(GROUPS, len(part)) if uncertainty else 1,
        checkpoint=checkpoint_path,
        save_every=save_every,
        progress=progress,
    )
    if statistics_path is not None and process.is_main_process:
        _save_statistics(collection, network, record, blocks, shard, statistics_path)
    Meter(listener, "computing")
    return report_of(collection, record, _corpus_record(part, shard), preset, min_count, tokenizer, started)


def _check_given(
    model: object, corpus: object, dtype: object, block_size: int | None, packing: str, max_tokens: int | None
) -> None:
    """Refuse what would change nothing, since the model is loaded or the blocks are made."""
    if isinstance(model, nn.Module) and dtype is not None:
        raise InputError("dtype says how to load a model, and this one is in memory: convert it, with model.to(dtype).")
    if not isinstance(corpus, TokenBlocks):
        return
    cut = len(corpus) > 1 and max_tokens not in (None, MAX_TOKENS) and corpus.num_labels > max_tokens
    if block_size not in (None, corpus.block_size) or packing not in ("documents", corpus.packing) or cut:
        raise InputError(
            "block_size, packing and max_tokens say how to make blocks, and these are made: leave them out."
        )


def _check_device(device: str | torch.device | None) -> None:
    try:
        there = device is None or torch.device(device).type != "cuda" or torch.cuda.is_available()
    except RuntimeError:
        raise InputError(f"{device!r} is no device: use cpu, or cuda.") from None
    if not there:
        raise InputError("there is no CUDA device here: use the device cpu.")


def _load(
    source: ModelSource,
    dtype: str | torch.dtype | None,
    device: str | torch.device,
    token: str | bool | None,
    listener: Listener | None,
) -> tuple[nn.Module, ModelRecord, Any]:
    """Fetch and load a model that was looked up; its tokenizer is None where it has none."""
    try:
        tokenizer = load_tokenizer(source, token=token)
    except TokenizerError:
        tokenizer = None  # one may have been named; if not, that is said where it is needed
    download(source, token=token, progress=Meter(listener, "downloading", source.size_bytes).advance)
    Meter(listener, "loading")
    model = load_model(source, dtype, device, token=token)
    return model, _model_record(model, source.id, source.revision, source.commit or source.identity), tokenizer


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


def _corpus_record(part: TokenBlocks, shard: tuple[int, int] | None) -> CorpusRecord:
    return CorpusRecord(
        source=part.source,
        split=part.split,
        fingerprint=part.fingerprint,
        packing=part.packing,
        block_size=part.input_ids.shape[1],
        blocks=len(part),
        documents=part.num_documents,
        tokenizer_hash=part.tokenizer_hash,
        shard=None if shard is None else _shard_name(*shard),
    )


def _save_statistics(
    collection: Collection,
    network: nn.Module,
    model: ModelRecord,
    blocks: TokenBlocks,
    shard: tuple[int, int] | None,
    path: str | Path,
) -> None:
    """Save the final statistics with what made them, so that only shards of one measurement merge."""
    stats = collection.statistics
    stats.provenance = {
        "model": model.id,
        "commit": model.commit or weight_hash(network),
        "corpus": blocks.fingerprint,
        "packing": blocks.packing,
        "dtype": model.dtype,
        "shards": _shard_name(*(shard or (0, 1))),
    }
    stats.save(path)


def _shard_name(index: int, count: int) -> str:
    """Return i/n as people count, from 1."""
    return f"{index + 1}/{count}"
