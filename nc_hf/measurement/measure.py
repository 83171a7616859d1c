"""Measure a causal language model on a corpus: the one call behind the command line, trajectories and the Space."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Unpack

import torch
from accelerate.state import PartialState
from torch import nn

from nc_hf.corpus.blocks import TokenBlocks, hash_counts
from nc_hf.corpus.classes import EVERY, SHARE, ClassChoice, choose_classes, names_file
from nc_hf.corpus.corpus import Corpus, open_corpus
from nc_hf.corpus.repetition import repeated_share
from nc_hf.corpus.tokens import tokenizer_hash
from nc_hf.errors import InputError, NoTokenizerError, TokenizerError
from nc_hf.hub import ModelSource, download, load_model, load_tokenizer, open_tokenizer, resolve
from nc_hf.hub.tokenizer import origin_of
from nc_hf.measurement.assemble import report_of
from nc_hf.measurement.collection import Collection
from nc_hf.measurement.mark_losses import mark_records, marks_note
from nc_hf.measurement.one_pass import collect
from nc_hf.measurement.options import MeasureOptions, complete, takes_options
from nc_hf.measurement.statistics_room import room_for_statistics
from nc_hf.measurement.untrained import untrained_values
from nc_hf.metrics.compute import pass_metrics
from nc_hf.metrics.jackknife import GROUPS
from nc_hf.metrics.table import needs_of
from nc_hf.model.anatomy import weight_hash
from nc_hf.report import Report
from nc_hf.report.record import BaseRecord, ModelRecord
from nc_hf.report.text_record import CorpusRecord
from nc_hf.runtime.distributed import attend
from nc_hf.runtime.lock import in_use
from nc_hf.runtime.progress import Listener, Meter


@takes_options()
def measure(
    model: str | nn.Module,
    corpus: str | Corpus | TokenBlocks = "tinystories",
    *,
    revision: str | None = None,
    shard: tuple[int, int] | None = None,
    statistics_path: str | Path | None = None,
    checkpoint_path: str | Path | None = None,
    **options: Unpack[MeasureOptions],
) -> Report:
    """Measure neural collapse of a model on held-out text, in one pass.

    Args:
        model: ``ID[@REVISION]`` on the Hub, a local folder, or a model in memory (then pass ``tokenizer`` too). An
            adapter of PEFT is merged into its base first.
        corpus: ``builtin``, ``tinystories``, a path, ``hub:ID[:config][:split][:column]``, a ``Corpus`` opened before,
            or blocks made before.
        revision: branch, tag or commit of the model.
        shard: (i, n), i from 1, reads one of n parts of the blocks, whose statistics files can be merged.
        statistics_path: where to save the statistics of the final layer.
        checkpoint_path: folder to save the unfinished pass to, and to go on from; another run that names it meanwhile
            is refused.
        **options: as `nc_hf.measurement.options.MeasureOptions` declares them.

    Raises:
        NCError: of the kind that fits; the message says what to do.
    """
    with in_use(checkpoint_path, start_process(options.get("device"))):
        return _measured(model, corpus, revision, shard, statistics_path, checkpoint_path, options)


def _measured(
    model: str | nn.Module,
    corpus: str | Corpus | TokenBlocks,
    revision: str | None,
    shard: tuple[int, int] | None,
    statistics_path: str | Path | None,
    checkpoint_path: str | Path | None,
    options: MeasureOptions,
) -> Report:
    """Measure, while the folder for checkpoints is this run's alone."""
    started = time.monotonic()
    if names_file(options.get("classes", SHARE)) and not options.get("allow_local", True):
        raise InputError("classes names a file, and names may be no paths here: pass a share, top:N, ids, or all.")
    settings = complete(options)
    names = pass_metrics(settings["preset"], settings["agreement_tokens"], settings["exact_classes"])
    _check_given(model, corpus, options)
    process = start_process(settings["device"])
    listener = settings["progress"] if callable(settings["progress"]) else None
    text = _opened(corpus, settings)  # before any weight is fetched for it
    if isinstance(model, nn.Module):
        name = str(getattr(model.config, "name_or_path", "") or type(model).__name__)
        network, record, own_tokenizer = model, _model_record(model, name, revision, None), None
    else:
        reads_text = settings["tokenizer"] is None and not isinstance(text, TokenBlocks)
        network, record, own_tokenizer = _load(model, revision, settings, process.device, listener, reads_text)
    tokenizer = settings["tokenizer"]
    if isinstance(tokenizer, str | Path):
        tokenizer = open_tokenizer(str(tokenizer), allow_local=settings["allow_local"], token=settings["token"])
    tokenizer = tokenizer or own_tokenizer
    blocks = _blocks_for(network, text, tokenizer, settings, listener)
    if blocks is corpus and tokenizer is not None and tokenizer_hash(tokenizer) != blocks.tokenizer_hash:
        tokenizer = None  # it would spell other tokens
    census = blocks.token_counts() if blocks.census is None else blocks.census
    choice = choose_classes(settings["classes"], census, tokenizer)
    part = blocks if shard is None else blocks.shard(*shard)
    needed = needs_of(names)
    collection = collect(
        network,
        part,
        batch_size=settings["batch_size"],
        layers=settings["layers"],
        covariance="covariance" in needed,
        agreement_tokens=settings["agreement_tokens"] if "agreement" in needed else 0,
        groups=min(GROUPS, len(part)) if settings["uncertainty"] else 1,
        inner_groups=settings["layer_errors"],
        checkpoint=checkpoint_path,
        save_every=settings["save_every"],
        progress=settings["progress"],
    )
    if statistics_path is not None and process.is_main_process:
        _save_statistics(collection, network, record, blocks, shard, choice, statistics_path)
    Meter(listener, "computing")
    with room_for_statistics(process.device):
        report = report_of(
            collection,
            record,
            replace(
                _corpus_record(part, shard, collection, tokenizer),
                reading=None if isinstance(text, TokenBlocks) else text.reading,
            ),
            settings["preset"],
            choice,
            tokenizer,
            started,
            blocks=part,
            contexts=settings["contexts"],
            exact_classes=settings["exact_classes"],
        )
    if not settings["untrained"]:
        return report
    counting = ClassChoice(EVERY, None) if settings["preset"] == "paper" else choice
    values = untrained_values(
        network,
        part,
        settings["preset"],
        counting,
        batch_size=settings["batch_size"],
        exact_classes=settings["exact_classes"],
    )
    return replace(report, untrained={name: values[name] for name in report.metrics if name in values})


def _check_given(model: object, corpus: object, given: MeasureOptions) -> None:
    """Refuse what would change nothing, since the model is loaded or the blocks are made."""
    if isinstance(model, nn.Module) and given.get("dtype") is not None:
        raise InputError("dtype says how to load a model, and this one is in memory: convert it, with model.to(dtype).")
    if given.get("layer_errors") and not (given.get("layers") == "all" and given.get("uncertainty", True)):
        raise InputError("layer_errors adds standard errors to all layers: pass layers='all' with uncertainty too.")
    if not isinstance(corpus, TokenBlocks):
        return
    most = given.get("max_tokens")
    cut = len(corpus) > 1 and most is not None and corpus.num_labels > most
    packed = given.get("packing") in (None, "documents", corpus.packing)
    if given.get("block_size") not in (None, corpus.block_size) or not packed or cut or given.get("seed"):
        raise InputError(
            "block_size, packing, max_tokens and seed say how to make blocks, and these are made: leave them out."
        )


def _opened(corpus: str | Corpus | TokenBlocks, settings: MeasureOptions) -> Corpus | TokenBlocks:
    """Open the corpus, if it is a name, and make sure that it can be read."""
    if isinstance(corpus, str):
        corpus = open_corpus(corpus, settings["split"], allow_local=settings["allow_local"], token=settings["token"])
    if isinstance(corpus, Corpus):
        corpus.check()
    return corpus


def _blocks_for(
    network: nn.Module,
    corpus: Corpus | TokenBlocks,
    tokenizer: Any,
    settings: MeasureOptions,
    listener: Listener | None,
) -> TokenBlocks:
    """Cut the corpus into blocks for a model, if that is not done."""
    if isinstance(corpus, TokenBlocks):
        return corpus
    meter = Meter(listener, "packing", settings["max_tokens"] or 0)
    return corpus.pack_for(
        network,
        tokenizer,
        settings["block_size"],
        packing=settings["packing"],
        max_tokens=settings["max_tokens"],
        seed=settings["seed"],
        progress=meter.advance,
    )


def start_process(device: str | torch.device | None) -> PartialState:
    """Find the other processes of this run: said now, since on CPU they do not find each other otherwise."""
    _check_device(device)
    on_cpu = not torch.accelerator.is_available() or torch.device(device or "cuda").type == "cpu"
    process = PartialState(cpu=on_cpu)
    attend(process)
    return process


def _check_device(device: str | torch.device | None) -> None:
    try:
        there = device is None or torch.device(device).type != "cuda" or torch.cuda.is_available()
    except RuntimeError:
        raise InputError(f"{device!r} is no device: use cpu, or cuda.") from None
    if not there:
        raise InputError("there is no CUDA device here: use the device cpu.")


def _load(
    model: str,
    revision: str | None,
    settings: MeasureOptions,
    device: torch.device,
    listener: Listener | None,
    reads_text: bool,
) -> tuple[nn.Module, ModelRecord, Any]:
    """Look a model up, fetch and load it; its tokenizer is None where it has none, or a broken one unneeded."""
    token = settings["token"]
    Meter(listener, "resolving")
    source = resolve(model, revision, allow_local=settings["allow_local"], max_bytes=settings["max_bytes"], token=token)
    try:
        tokenizer = load_tokenizer(source, token=token)
    except TokenizerError as fault:
        if reads_text and not isinstance(fault, NoTokenizerError):
            raise
        tokenizer = None  # one may have been named; if not, that is said where it is needed
    download(source, token=token, progress=Meter(listener, "downloading", source.size_bytes).advance)
    Meter(listener, "loading")
    network = load_model(source, settings["dtype"], settings["device"] or device, token=token)
    record = _model_record(network, source.id, source.revision, source.commit or source.identity)
    return network, replace(record, weights=source.weights, base=_base_record(source)), tokenizer


def _base_record(source: ModelSource) -> BaseRecord | None:
    if source.base is None or source.adapter is None:
        return None
    base = source.base
    return BaseRecord(base.id, base.revision, base.commit or base.identity, source.adapter.kind)


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


def _corpus_record(
    part: TokenBlocks, shard: tuple[int, int] | None, collection: Collection, tokenizer: Any
) -> CorpusRecord:
    return CorpusRecord(
        source=part.source,
        split=part.split,
        fingerprint=part.fingerprint,
        packing=part.packing,
        block_size=part.input_ids.shape[1],
        blocks=len(part),
        documents=part.num_documents,
        tokenizer_hash=part.tokenizer_hash,
        shard=None if shard is None else "{}/{}".format(*shard),
        seed=part.seed,
        text_hash=None if part.census is None else hash_counts(part.census),
        marks=mark_records(part, collection.marks, tokenizer),
        marks_note=marks_note(part, collection.apart, origin_of(tokenizer)),
        repeated_share=repeated_share(part.input_ids, part.context),
    )


def _save_statistics(
    collection: Collection,
    network: nn.Module,
    model: ModelRecord,
    blocks: TokenBlocks,
    shard: tuple[int, int] | None,
    choice: ClassChoice,
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
        "classes": "all" if choice.ids is None else ",".join(map(str, choice.ids.tolist())),
        "shards": "{}/{}".format(*(shard or (1, 1))),
        **({"base": model.base.commit} if model.base else {}),
    }
    stats.save(path)
