"""The disk: what a failed analysis fetched is removed, and fetched models are bounded."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from huggingface_hub import constants, scan_cache_dir
from huggingface_hub.errors import CacheNotFound


@contextmanager
def tidied(cache_bytes: int) -> Iterator[None]:
    """Keep the cache of the Hub's client in order around one analysis at a time.

    Args:
        cache_bytes: fetched repositories are kept up to so many bytes; those read longest ago go first.
    """
    cache = Path(constants.HF_HUB_CACHE)
    before = _entries(cache)
    try:
        yield
    except BaseException:
        for entry in _entries(cache) - before:
            shutil.rmtree(entry, ignore_errors=True)
        raise
    finally:
        for part in cache.glob("*/blobs/*.incomplete"):
            part.unlink(missing_ok=True)
        _shrink(cache, cache_bytes)


def _entries(cache: Path) -> set[Path]:
    """Repositories, and the locks of each."""
    locks = cache / ".locks"
    return {*cache.glob("*--*"), *locks.glob("*--*")}


def _shrink(cache: Path, cache_bytes: int) -> None:
    try:
        known = scan_cache_dir(cache)
    except CacheNotFound:
        return
    size = known.size_on_disk
    for repository in sorted(known.repos, key=lambda repository: repository.last_accessed):
        if size <= cache_bytes:
            return
        size -= repository.size_on_disk
        shutil.rmtree(repository.repo_path, ignore_errors=True)
