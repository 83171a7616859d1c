"""From a model's name to what is known of it before its weights are fetched: commit, size, type, files."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from huggingface_hub import (
    HfApi,
    constants,
    get_local_safetensors_metadata,
    hf_hub_download,
    snapshot_download,
    try_to_load_from_cache,
)
from huggingface_hub.errors import OfflineModeIsEnabled, SafetensorsParsingError
from huggingface_hub.hf_api import RepoFile
from safetensors import SafetensorError, safe_open

from nc_hf.errors import ModelError
from nc_hf.hub.faults import hub_faults
from nc_hf.hub.inspection import WEIGHTS, check_described, check_files, read_config, summarise_weights
from nc_hf.hub.reference import Reference, parse_reference
from nc_hf.hub.room import check_disk, check_memory, shown_bytes

if TYPE_CHECKING:
    from huggingface_hub.utils._safetensors import SafetensorsRepoMetadata

_TOKENIZER_ENDINGS = (".json", ".txt", ".model", ".tiktoken", ".jinja")
_MAX_INDEX_BYTES = 100_000_000  # of config.json and the weight index, which are read before anything is known


@dataclass(frozen=True)
class ModelSource:
    """A causal language model that was found fit to be read.

    Attributes:
        id: Hub id, or the folder as it was written.
        revision: branch, tag or commit that was asked for; None for the default one and for a folder.
        commit: the commit that the revision pointed to when looked up, 40 hexadecimal digits; None for a folder.
        identity: what tells one set of weights from another: the commit, or the hash of a folder's safetensors files.
        path: the folder if the files are on this machine; None for a model of the Hub.
        size_bytes: of the weights.
        parameters: number of floating-point weights in the files (tied ones once).
        dtype: in which most of them are stored, for instance ``bfloat16``.
        files: bytes of each file to read, by its name: configuration, tokenizer and weights.
        config: the model's ``PreTrainedConfig``.
    """

    id: str
    revision: str | None
    commit: str | None
    identity: str
    path: Path | None
    size_bytes: int
    parameters: int
    dtype: str
    files: dict[str, int] = field(compare=False)
    config: Any = field(repr=False, compare=False)


def resolve(
    reference: str,
    revision: str | None = None,
    *,
    allow_local: bool = False,
    max_bytes: int | None = None,
    token: str | None = None,
) -> ModelSource:
    """Look a model up and check everything that can be checked without its weights.

    On the Hub this asks for the commit, the list of files, ``config.json`` and the headers of the safetensors files: a
    few requests, of which even a cached model needs some, so that nobody reads a gated model that another fetched.
    With ``HF_HUB_OFFLINE=1`` the cache alone is looked at.

    Args:
        reference: ``ID[@REVISION]``, a page's address, or a folder (see :func:`~nc_hf.hub.reference.parse_reference`).
        revision: branch, tag or commit, if not part of ``reference``.
        allow_local: whether ``reference`` may be a folder; False for whatever came over a network.
        max_bytes: refuse weights larger than this.
        token: the reader's own token; default: the one the client finds (``HF_TOKEN`` or its login).

    Raises:
        InputError: if the reference is not one.
        HubError: if the Hub does not give it out: missing, private, gated, wrong revision, rate-limited, out of reach.
        ModelError: if it is not a causal language model in safetensors of a type that transformers knows, or does not
            fit into ``max_bytes``, the free memory or the free disk.
    """
    asked = parse_reference(reference, revision, allow_local=allow_local)
    if asked.folder:
        return _inspect_folder(asked, asked.folder, None, max_bytes)
    api = HfApi(token=token)
    with hub_faults(asked.id, asked.revision, token):
        try:
            info = api.model_info(asked.id, revision=asked.revision, timeout=constants.HF_HUB_ETAG_TIMEOUT)
        except OfflineModeIsEnabled:
            snapshot = Path(snapshot_download(asked.id, revision=asked.revision, local_files_only=True))
            return _inspect_folder(asked, snapshot, snapshot.name, max_bytes)
        commit = str(info.sha)
        # Mirrors leave the sizes out of what they say of a model, but not out of its tree.
        tree = api.list_repo_tree(asked.id, revision=commit)
        sizes = {file.path: file.size for file in tree if isinstance(file, RepoFile)}
    weights = check_files(asked.id, sizes)
    for at in (asked.revision or constants.DEFAULT_REVISION, commit):
        # First by its name, so that the client notes the commit for HF_HUB_OFFLINE; then what counts, mostly the same.
        config_file = _fetch_small(asked.id, "config.json", at, sizes, token)
    config = read_config(asked.id, config_file.parent)
    if weights != WEIGHTS:
        _check_index(asked.id, _fetch_small(asked.id, weights, commit, sizes, token), sizes)
    with hub_faults(asked.id, asked.revision, token):
        headers = api.get_safetensors_metadata(asked.id, revision=commit)
    source = _describe(asked, headers, sizes, config, commit, commit, None, max_bytes)
    cached = (try_to_load_from_cache(asked.id, file, revision=commit) for file in source.files)
    missing = sum(sizes[file] for file, at in zip(source.files, cached, strict=True) if not isinstance(at, str))
    check_disk(asked.id, missing, Path(constants.HF_HUB_CACHE))
    return source


def _inspect_folder(asked: Reference, folder: Path, commit: str | None, max_bytes: int | None) -> ModelSource:
    """Check a folder of this machine as a repository is checked."""
    sizes = {file.name: file.stat().st_size for file in folder.iterdir() if file.is_file()}
    weights = check_files(asked.id, sizes)
    config = read_config(asked.id, folder)
    if weights != WEIGHTS:
        _check_index(asked.id, folder / weights, sizes)
    try:
        headers = get_local_safetensors_metadata(folder)
        for shard in headers.files_metadata:
            safe_open(folder / shard, "pt")  # fails unless the file holds all that its header declares
    except (OSError, SafetensorsParsingError, SafetensorError, ValueError) as fault:
        raise ModelError(
            f"The weights of {asked.id} are not whole safetensors files: fetch or save them anew."
        ) from fault
    identity = commit or _hash_weights(folder, sorted(headers.files_metadata))
    return _describe(asked, headers, sizes, config, commit, identity, folder, max_bytes)


def _describe(
    asked: Reference,
    headers: SafetensorsRepoMetadata,
    sizes: dict[str, int],
    config: Any,
    commit: str | None,
    identity: str,
    path: Path | None,
    max_bytes: int | None,
) -> ModelSource:
    """Put together what is known, and refuse what is too large or contradicts itself."""
    shards = sorted(headers.files_metadata)
    weights = summarise_weights(asked.id, headers, sizes)
    size = max(weights.num_bytes, sum(sizes[shard] for shard in shards))
    if max_bytes is not None and size > max_bytes:
        raise ModelError(
            f"{asked.id} has {shown_bytes(size)} of weights and the limit is {shown_bytes(max_bytes)}: "
            "choose a smaller model or raise the limit."
        )
    check_memory(asked.id, size)
    check_described(asked.id, config, weights)
    small = [file for file in sizes if "/" not in file and file.endswith(_TOKENIZER_ENDINGS)]
    files = {file: sizes[file] for file in sorted({*small, *shards})}
    return ModelSource(
        asked.id, asked.revision, commit, identity, path, size, weights.parameters, weights.dtype, files, config
    )


def _fetch_small(name: str, file: str, revision: str, sizes: dict[str, int], token: str | None) -> Path:
    """Fetch a file that tells what the rest is; one of a size that such a file never has is refused."""
    if sizes[file] > _MAX_INDEX_BYTES:
        raise ModelError(f"{file} of {name} has {shown_bytes(sizes[file])}, which cannot be right: name another model.")
    with hub_faults(name, revision, token):
        return Path(hf_hub_download(name, file, revision=revision, token=token))


def _check_index(name: str, index: Path, sizes: dict[str, int]) -> None:
    """Refuse an index that points at anything but the files beside it."""
    try:
        shards = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as fault:
        raise ModelError(f"{index.name} of {name} cannot be read: fetch or save the weights anew.") from fault
    strange = sorted(str(shard) for shard in shards if "/" in str(shard) or shard not in sizes)
    if strange:
        raise ModelError(
            f"{index.name} of {name} names {strange[0][:80]!r}, which is not there: save the weights anew."
        )


def _hash_weights(folder: Path, shards: list[str]) -> str:
    """Hash of the hashes of the weight files in the order of their names."""
    whole = hashlib.sha256()
    for shard in shards:
        with (folder / shard).open("rb") as file:
            whole.update(hashlib.file_digest(file, "sha256").digest())
    return f"sha256:{whole.hexdigest()}"
