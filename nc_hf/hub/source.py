"""From a model's name to what is known of it before its weights are fetched: commit, size, type, files."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from huggingface_hub import HfApi, constants, get_local_safetensors_metadata, try_to_load_from_cache
from huggingface_hub.errors import SafetensorsParsingError
from safetensors import SafetensorError, safe_open

from nc_hf.errors import ModelError
from nc_hf.errors.remedies import Remedy
from nc_hf.hub.adapter import (
    ADAPTER_CONFIG,
    ADAPTER_WEIGHTS,
    Adapter,
    base_reference,
    check_adapter_files,
    hash_of_merged,
    read_adapter,
)
from nc_hf.hub.configuration import MALFORMED, check_config
from nc_hf.hub.content import hash_of_weights
from nc_hf.hub.faults import hub_faults
from nc_hf.hub.layout import described_model
from nc_hf.hub.listing import Listing, look_up
from nc_hf.hub.reference import parse_reference
from nc_hf.hub.room import check_disk, check_memory, shown_bytes
from nc_hf.hub.weights import WEIGHTS, check_files, elsewhere, summarise_weights

if TYPE_CHECKING:
    from huggingface_hub.utils._safetensors import SafetensorsRepoMetadata


@dataclass(frozen=True)
class ModelSource:
    """A causal language model that was found fit to be read: by itself, or an adapter over its base.

    Attributes:
        id: Hub id, or the folder as it was written.
        revision: branch, tag or commit that was asked for; None for the default one and for a folder.
        commit: the commit that the revision pointed to when looked up, 40 hexadecimal digits; None for a folder.
        identity: what tells one set of weights from another: the commit, or the hash of a folder's safetensors files;
            of an adapter the hash of both parts.
        weights: hash of the hashes of the safetensors files in the order of their names: equal means the same weights,
            whatever repository, commit or folder they are of; None where the Hub does not give those of the files.
        path: the folder if the files are on this machine; None for a model of the Hub.
        size_bytes: of the weights.
        parameters: number of floating-point weights in the files (tied ones once).
        dtype: in which most of them are stored, for instance ``bfloat16``.
        files: bytes of each file to read, by its name: configuration, tokenizer and weights.
        config: the model's ``PreTrainedConfig``.
        base: the model that an adapter belongs to, whose type, number of weights and configuration are given above;
            None for a model that is whole.
        adapter: what is merged into it; None likewise.
    """

    id: str
    revision: str | None
    commit: str | None
    identity: str
    weights: str | None
    path: Path | None
    size_bytes: int
    parameters: int
    dtype: str
    files: dict[str, int] = field(compare=False)
    config: Any = field(repr=False, compare=False)
    base: ModelSource | None = None
    adapter: Adapter | None = None


def resolve(
    reference: str,
    revision: str | None = None,
    *,
    allow_local: bool = False,
    max_bytes: int | None = None,
    token: str | bool | None = None,
) -> ModelSource:
    """Look a model up and check everything that can be checked without its weights.

    On the Hub this asks for the commit, the list of files, ``config.json`` and the headers of the safetensors files: a
    few requests, of which even a cached model needs some, so that nobody reads a gated model that another fetched.
    With ``HF_HUB_OFFLINE=1`` the cache alone is looked at.

    Of an adapter (``adapter_config.json``) the base model is looked up too, at the revision that the adapter names. An
    adapter of the Hub has its base there; one in a folder of this machine may have it in another folder.

    Args:
        reference: ``ID[@REVISION]``, a page's address, or a folder (see :func:`~nc_hf.hub.reference.parse_reference`).
        revision: branch, tag or commit, if not part of ``reference``.
        allow_local: whether ``reference`` may be a folder; False for whatever came over a network.
        max_bytes: refuse weights larger than this.
        token: the reader's own token; default: the one the client finds (``HF_TOKEN`` or its login); False for none,
            as for a visitor who must not read what the machine's owner may.

    Raises:
        InputError: if the reference is not one, or it is an adapter and PEFT is not installed.
        HubError: if the Hub does not give it out: missing, private, gated, wrong revision, rate-limited, out of reach.
        ModelError: if it is not a causal language model in safetensors of a type that transformers knows, or does not
            fit into ``max_bytes``, the free memory or the free disk; or it is an adapter that cannot be merged.
    """
    listing = look_up(parse_reference(reference, revision, allow_local=allow_local), token)
    if ADAPTER_CONFIG not in listing.sizes:
        return _whole(listing, max_bytes, token)
    check_adapter_files(listing.name, listing.sizes)
    adapter = read_adapter(listing.name, listing.fetch_small(ADAPTER_CONFIG, token).read_bytes())
    size = listing.sizes[ADAPTER_WEIGHTS]
    below = look_up(base_reference(listing.name, adapter, allow_local=allow_local and listing.commit is None), token)
    return _over(listing, adapter, _whole(below, None if max_bytes is None else max_bytes - size, token))


def _over(listing: Listing, adapter: Adapter, base: ModelSource) -> ModelSource:
    """Return an adapter with its base as one model."""
    listing.check_small(*listing.tokenizer_files())
    size = listing.sizes[ADAPTER_WEIGHTS]
    check_memory(listing.name, base.size_bytes + size)
    own = hash_of_weights(listing, [ADAPTER_WEIGHTS])
    source = replace(
        base,
        id=listing.name,
        revision=listing.revision,
        commit=listing.commit,
        identity=hash_of_merged(adapter, listing.commit or str(own), base.identity),
        weights=hash_of_merged(adapter, own, base.weights) if own and base.weights else None,
        path=listing.folder,
        size_bytes=base.size_bytes + size,
        files={file: listing.sizes[file] for file in [ADAPTER_CONFIG, *listing.tokenizer_files(), ADAPTER_WEIGHTS]},
        base=base,
        adapter=adapter,
    )
    _check_disk(source)
    return source


def _whole(listing: Listing, max_bytes: int | None, token: str | bool | None) -> ModelSource:
    """Check a model that is whole."""
    if "config.json" not in listing.sizes:
        raise elsewhere(listing.name, listing.sizes, listing.originals, listing.model_folders(token), listing.folder)
    weights = check_files(listing.name, listing.sizes, listing.originals)
    listing.check_small(*listing.tokenizer_files())
    folder = listing.fetch_small("config.json", token).parent
    kind = check_config(listing.name, folder)
    if weights != WEIGHTS:
        _check_index(listing, listing.fetch_small(weights, token))
    with hub_faults(listing.name, listing.revision, token):
        headers = _read_headers(listing, token)
    summary = summarise_weights(listing.name, headers, listing.sizes)
    shards = sorted(headers.files_metadata)
    size = sum(listing.sizes[shard] for shard in shards)
    if max_bytes is not None and size > max_bytes:
        raise ModelError(
            f"{listing.name} has {shown_bytes(size)} of weights and the limit is {shown_bytes(max_bytes)}",
            Remedy.SIZE_LIMIT,
        )
    check_memory(listing.name, size)
    config, tables = described_model(listing.name, folder, kind, summary)
    check_memory(listing.name, size + tables)
    hashed = hash_of_weights(listing, shards)
    source = ModelSource(
        id=listing.name,
        revision=listing.revision,
        commit=listing.commit,
        identity=listing.commit or str(hashed),
        weights=hashed,
        path=listing.folder,
        size_bytes=size,
        parameters=summary.parameters,
        dtype=summary.dtype,
        files={file: listing.sizes[file] for file in ["config.json", weights, *listing.tokenizer_files(), *shards]},
        config=config,
    )
    _check_disk(source)
    return source


def _read_headers(listing: Listing, token: str | bool | None) -> SafetensorsRepoMetadata:
    """Read the headers of all weight files: a few requests for a part of each, or from the disk."""
    try:
        if listing.folder is None:
            return HfApi(token=token).get_safetensors_metadata(listing.name, revision=listing.commit)
        headers = get_local_safetensors_metadata(listing.folder)
        for shard in headers.files_metadata:
            safe_open(listing.folder / shard, "pt")  # fails unless the file holds all that its header declares
        return headers
    except (SafetensorsParsingError, SafetensorError, *MALFORMED) as fault:
        raise ModelError(f"The weights of {listing.name} are not whole safetensors files", Remedy.SAVE_ANEW) from fault


def _check_disk(source: ModelSource) -> None:
    """Hold what is still to be fetched against the disk."""
    if source.path is None:
        cached = {file for file in source.files if isinstance(_cached(source, file), str)}
        missing = sum(size for file, size in source.files.items() if file not in cached)
        check_disk(source.id, missing, Path(constants.HF_HUB_CACHE))


def _cached(source: ModelSource, file: str) -> object:
    return try_to_load_from_cache(source.id, file, revision=source.commit)


def _check_index(listing: Listing, index: Path) -> None:
    """Refuse an index that points at anything but the files beside it."""
    try:
        shards = {str(shard) for shard in json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()}
    except (OSError, *MALFORMED) as fault:
        raise ModelError(f"{index.name} of {listing.name} cannot be read", Remedy.SAVE_ANEW) from fault
    strange = sorted(shard for shard in shards if "/" in shard or shard not in listing.sizes)
    if strange:
        raise ModelError(
            f"{index.name} of {listing.name} names {strange[0][:80]!r}, which is not there", Remedy.SAVE_ANEW
        )
