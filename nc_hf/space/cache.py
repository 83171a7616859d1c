"""The Hub's cache: the page bounds and removes what it fetched itself; the rest belongs to other programs."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from huggingface_hub import constants
from huggingface_hub.file_download import repo_folder_name

# Lies in each repository whose folder in the cache the page made, and goes with it, whoever removes it.
_MARK = ".fetched_by_nc_hf_space"


@contextmanager
def bounded_cache(repositories: Iterable[tuple[str, str]], cache_bytes: int) -> Iterator[None]:
    """Remove what a failed analysis fetched, and bound what the page fetched; around one analysis at a time.

    Args:
        repositories: kind and id of all that the analysis may fetch. What lay in the cache before the page asked for
            it, or was fetched by another program, is never touched.
        cache_bytes: repositories that the page fetched are kept up to so many bytes; those asked for longest ago go
            first.
    """
    cache = Path(constants.HF_HUB_CACHE)
    folders = [cache / repo_folder_name(repo_id=name, repo_type=kind) for kind, name in repositories]
    new = [folder for folder in folders if _claim(folder)]
    try:
        yield
    except BaseException:
        for folder in new:
            _remove(folder)
        raise
    finally:
        for folder in folders:
            if (folder / _MARK).is_file():
                _tidy(folder)
        _shrink(cache, cache_bytes)


def _claim(folder: Path) -> bool:
    """Make a repository's folder, marked as the page's own, if there is none; return whether it is new."""
    mark = folder / _MARK
    try:
        folder.mkdir(parents=True)
        mark.touch()
        return True
    except OSError:  # it is there; or nothing can be written, which the fetching says better
        if mark.is_file():
            mark.touch()  # for the order in which they go
        return False


def _tidy(folder: Path) -> None:
    """Remove files that did not come whole, and a folder that nothing came to."""
    for part in folder.glob("blobs/*.incomplete"):
        part.unlink(missing_ok=True)
    if [entry.name for entry in folder.iterdir()] == [_MARK]:
        _remove(folder)


def _remove(folder: Path) -> None:
    for entry in (folder, folder.parent / ".locks" / folder.name):
        shutil.rmtree(entry, ignore_errors=True)


def _shrink(cache: Path, cache_bytes: int) -> None:
    marks = sorted(cache.glob(f"*/{_MARK}"), key=lambda mark: mark.stat().st_mtime)
    sizes = {mark.parent: _bytes(mark.parent) for mark in marks}
    total = sum(sizes.values())
    for folder, size in sizes.items():
        if total <= cache_bytes:
            return
        total -= size
        _remove(folder)


def _bytes(folder: Path) -> int:
    """Size of a folder; a snapshot's links to it do not count."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
