"""Models by their content: which of them have the same weights, and which are the same in all that is measured."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from nc_hf.hub.adapter import ADAPTER_CONFIG, ADAPTER_WEIGHTS
from nc_hf.hub.configuration import MALFORMED
from nc_hf.hub.listing import Listing
from nc_hf.hub.weights import WEIGHTS, WEIGHTS_INDEX

_OF_NO_EFFECT = ("_name_or_path", "transformers_version", "peft_version")  # by whom a configuration was written


def hash_of_weights(listing: Listing, shards: Iterable[str]) -> str | None:
    """Hash the hashes (sha256) of weight files in the order of their names; the Hub lists them without a download.

    Args:
        listing: where the files are.
        shards: their names.

    Returns:
        ``sha256:`` and 64 hexadecimal digits, the same for the same files on the Hub and on the disk; None where the
        Hub does not say.
    """
    whole = hashlib.sha256()
    for shard in sorted(shards):
        digest = _digest(listing, shard)
        if digest is None:
            return None
        whole.update(bytes.fromhex(digest))
    return f"sha256:{whole.hexdigest()}"


def weights_of(listing: Listing, token: str | bool | None = None) -> str | None:
    """Hash the weights of a listing as `hash_of_weights` does; of several files, those that the index names.

    Of an adapter these are its own, and not those of its base.

    Returns:
        None where the Hub does not say, or there are no weights that could be read.

    Raises:
        HubError: the index does not come.
        ModelError: it is of a size that it never has.
    """
    whole = ADAPTER_WEIGHTS if ADAPTER_CONFIG in listing.sizes else WEIGHTS
    if whole in listing.sizes:
        return hash_of_weights(listing, [whole])
    if WEIGHTS_INDEX not in listing.sizes or whole == ADAPTER_WEIGHTS:
        return None
    try:
        index = json.loads(listing.fetch_small(WEIGHTS_INDEX, token).read_bytes())
        shards = {str(shard) for shard in index["weight_map"].values()}
    except MALFORMED:
        return None
    return hash_of_weights(listing, shards) if shards and shards <= listing.sizes.keys() else None


def same_content(one: Listing, other: Listing, token: str | bool | None = None) -> bool:
    """Whether two listings are of one model: weights, configuration and files of the tokenizer.

    Adapters are one that say the same of their base, too. What the Hub leaves out of its lists counts as different.

    Raises:
        HubError: a configuration or an index does not come.
        ModelError: one is of a size that it never has.
    """
    weights = weights_of(one, token)
    if weights is None or weights != weights_of(other, token) or _tokenizer(one) != _tokenizer(other):
        return False
    return all(
        _configuration(one, file, token) == _configuration(other, file, token)
        for file in ("config.json", ADAPTER_CONFIG)
    )


def _digest(listing: Listing, file: str) -> str | None:
    if listing.folder is None:
        return listing.sha256.get(file)
    path = listing.folder / file
    state = path.stat()
    return _digest_of_file(path.absolute(), state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=1024)
def _digest_of_file(path: Path, size: int, changed: int) -> str:
    """Hash a file, once as long as it does not change: the weights of a checkpoint are asked for more than once."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _tokenizer(listing: Listing) -> dict[str, str | None]:
    """Return what tells each file of the tokenizer from another."""
    files = listing.tokenizer_files()
    if listing.folder is not None:
        return {file: _digest(listing, file) for file in files}
    return {file: listing.sha256.get(file) or listing.blobs.get(file) for file in files}


def _configuration(listing: Listing, file: str, token: str | bool | None) -> object:
    """Return what a configuration says of the model; its text where that is no JSON."""
    if file not in listing.sizes:
        return None
    text = listing.fetch_small(file, token).read_bytes()
    try:
        entries = json.loads(text)
    except MALFORMED:
        return text
    if not isinstance(entries, dict):
        return entries
    return {name: value for name, value in entries.items() if name not in _OF_NO_EFFECT}
