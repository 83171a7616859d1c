"""The disk: the page bounds and removes what it fetched itself; the rest of the client's cache is somebody else's."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from huggingface_hub import constants
from huggingface_hub.file_download import repo_folder_name

# Lies in each repository that the page made a place for in the cache, and goes with it, whoever removes it.
_MARK = ".fetched_by_nc_hf_space"


@contextmanager
def tidied(repositories: Iterable[tuple[str, str]], cache_bytes: int) -> Iterator[None]:
    """Keep what the page fetches in order around one analysis at a time.

    Args:
        repositories: kind and id of all that the analysis may fetch. What lay in the cache before the page asked for
            it, or was fetched by another program, is never touched.
        cache_bytes: repositories that the page fetched are kept up to so many bytes; those asked for longest ago go
            first.
    """
    cache = Path(constants.HF_HUB_CACHE)
    places = [cache / repo_folder_name(repo_id=name, repo_type=kind) for kind, name in repositories]
    new = [place for place in places if _claim(place)]
    try:
        yield
    except BaseException:
        for place in new:
            _remove(place)
        raise
    finally:
        for place in places:
            if (place / _MARK).is_file():
                _tidy(place)
        _shrink(cache, cache_bytes)


def _claim(place: Path) -> bool:
    """Mark a place as the page's own if nobody made it before; whether it is new."""
    mark = place / _MARK
    try:
        place.mkdir(parents=True)
        mark.touch()
        return True
    except OSError:  # it is there; or nothing can be written, which the fetching says better
        if mark.is_file():
            mark.touch()  # for the order in which they go
        return False


def _tidy(place: Path) -> None:
    """Remove files that did not come whole, and a place that nothing came to."""
    for part in place.glob("blobs/*.incomplete"):
        part.unlink(missing_ok=True)
    if [entry.name for entry in place.iterdir()] == [_MARK]:
        _remove(place)


def _remove(place: Path) -> None:
    for entry in (place, place.parent / ".locks" / place.name):
        shutil.rmtree(entry, ignore_errors=True)


def _shrink(cache: Path, cache_bytes: int) -> None:
    marks = sorted(cache.glob(f"*/{_MARK}"), key=lambda mark: mark.stat().st_mtime)
    sizes = {mark.parent: _bytes(mark.parent) for mark in marks}
    total = sum(sizes.values())
    for place, size in sizes.items():
        if total <= cache_bytes:
            return
        total -= size
        _remove(place)


def _bytes(place: Path) -> int:
    """Size of what lies there; a snapshot's links to it do not count."""
    return sum(path.lstat().st_size for path in place.rglob("*") if path.is_file() and not path.is_symlink())
