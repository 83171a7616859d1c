"""How much memory and disk is free, and whether a model fits."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from nc_hf.errors import ModelError
from nc_hf.errors.remedies import Remedy

# Folder, limit, usage, and the part of the usage that is page cache which the kernel gives back: versions 2 and 1.
_CGROUPS = (
    ("/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"),
    ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)


def free_memory() -> int | None:
    """Bytes of memory that this process may still take: the machine's or, if less, its container's; None if unknown."""
    known = [room for group in _CGROUPS if (room := _container_room(*group)) is not None]
    meminfo = Path("/proc/meminfo")
    if meminfo.exists():
        kib = next(
            (line.split()[1] for line in meminfo.read_text().splitlines() if line.startswith("MemAvailable")), None
        )
        known += [int(kib) * 1024] if kib else []
    elif {"SC_PAGE_SIZE", "SC_PHYS_PAGES"} <= os.sysconf_names.keys():  # macOS tells the total alone
        known.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    return min(known, default=None)


def free_disk(folder: Path) -> int:
    """Bytes free on the disk that holds ``folder``, which need not exist yet."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def check_memory(name: str, num_bytes: int) -> None:
    """Refuse a model whose weights alone do not fit into free memory.

    Raises:
        ModelError: if they do not.
    """
    room = free_memory()
    if room is not None and num_bytes > room:
        raise ModelError(
            f"{name} needs {shown_bytes(num_bytes)} of memory and {shown_bytes(room)} is free", Remedy.MEMORY
        )


def check_disk(name: str, num_bytes: int, folder: Path) -> None:
    """Refuse a download that does not fit on the disk of the cache.

    Raises:
        ModelError: if it does not.
    """
    room = free_disk(folder)
    if num_bytes > room:
        raise ModelError(f"{name} needs {shown_bytes(num_bytes)} of disk and {shown_bytes(room)} is free", Remedy.DISK)


def shown_bytes(num_bytes: int) -> str:
    """Write a size for people.

    >>> shown_bytes(1_044_992), shown_bytes(14_500_000_000)
    ('1.0 MB', '14.5 GB')
    """
    size, unit = float(num_bytes), "bytes"
    for unit in ("bytes", "kB", "MB", "GB", "TB"):
        if size < 1000 or unit == "TB":
            break
        size /= 1000
    return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"


def _container_room(folder: str, limit: str, usage: str, reclaimable: str) -> int | None:
    """Bytes left in a control group."""
    try:
        statistics = dict(line.split() for line in Path(folder, "memory.stat").read_text().splitlines())
        used = int(Path(folder, usage).read_text()) - int(statistics[reclaimable])
        return max(0, int(Path(folder, limit).read_text()) - used)
    except (OSError, ValueError, KeyError):  # not in a group of this version, or without a limit ("max")
        return None
