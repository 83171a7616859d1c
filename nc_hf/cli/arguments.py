"""How arguments that several sub-commands share are read, and checked before anything takes long."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from nc_hf.errors import FileError, InputError

Preset = Literal["core", "paper", "full"]


def parse_shard(shard: str | None) -> tuple[int, int] | None:
    """Return (i, n) of ``i/n``, part i of n counted from 0.

    >>> parse_shard("0/4")
    (0, 4)
    """
    if shard is None:
        return None
    part, _, parts = shard.partition("/")
    if not (part.isdecimal() and parts.isdecimal() and int(part) < int(parts)):
        raise InputError(f"{shard!r} is no shard: write i/n with i from 0 to n - 1, such as 0/4.")
    return int(part), int(parts)


def parse_names(metrics: str | None) -> tuple[str, ...]:
    """Return the names in ``a,b``."""
    names = tuple(name.strip() for name in (metrics or "").split(",") if name.strip())
    if metrics is not None and not names:
        raise InputError(
            "--metrics names no metric: write names with commas between them, such as nc1_cdnv,nc2_cos_std."
        )
    return names


def check_writable(*paths: Path | None) -> None:
    """Refuse files that could not be written at the end of a long run.

    Raises:
        FileError: a path is a directory, or its directory cannot be made or written.
    """
    for path in paths:
        if path is None:
            continue
        if path.is_dir():
            raise FileError(f"{path} is a directory: name a file in it.")
        parent = next(folder for folder in path.absolute().parents if folder.exists())
        if not parent.is_dir() or not os.access(parent, os.W_OK):
            raise FileError(f"{path} cannot be written because {parent} is not a directory open to you: name another.")
