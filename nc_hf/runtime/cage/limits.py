"""What an inmate may use: memory, computing, time, files and the length of an answer; the system enforces it."""

from __future__ import annotations

import math
import signal
from dataclasses import dataclass
from pathlib import Path

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

GIB = 1 << 30
_ADDRESSES = 4  # of what is mapped a part alone is memory: stacks and arenas of threads are reserved, and not used


@dataclass(frozen=True)
class Limits:
    """The limits of an inmate.

    The defaults leave room for the longest text that is taken from a file, decompressed, decoded and copied once, and
    time on a machine that is busy with others.

    Attributes:
        memory: bytes beyond those that the process has when it starts.
        cpu_seconds: computing, of all its threads together, for one question.
        wall_seconds: for one question, whatever it waits for.
        answer_bytes: of the arrays of one answer.
        file_bytes: of a file that it writes.
        network: whether it may reach the network, for which it is left what opens it (``HF_TOKEN``).
    """

    memory: int = 2 * GIB
    cpu_seconds: int = 60
    wall_seconds: float = 120.0
    answer_bytes: int = 1 << 26
    file_bytes: int = 1 << 28
    network: bool = False


def confine(limits: Limits) -> None:
    """Limit this process for good, but for its computing, which `allow_computing` gives it question by question.

    Memory is limited where the system tells how much the process has (Linux); elsewhere time and computing alone.
    """
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_FSIZE, limits.file_bytes)
    for kind, share in (("VmData", 1), ("VmSize", _ADDRESSES)):
        held = _held(kind)
        if held is not None:
            which = resource.RLIMIT_DATA if kind == "VmData" else resource.RLIMIT_AS
            _lower(which, held + share * limits.memory)


def allow_computing(seconds: int) -> None:
    """Let this process compute for so long from now on; beyond that the system ends it by SIGXCPU."""
    signal.signal(signal.SIGXCPU, signal.SIG_DFL)
    used = resource.getrusage(resource.RUSAGE_SELF)
    _lower(resource.RLIMIT_CPU, math.ceil(used.ru_utime + used.ru_stime) + seconds, for_good=False)


def _lower(which: int, value: int, *, for_good: bool = True) -> None:
    """Set a limit, unless a lower one is set already."""
    _, most = resource.getrlimit(which)
    value = value if most == resource.RLIM_INFINITY else min(value, most)
    resource.setrlimit(which, (value, value if for_good else most))


def _held(kind: str) -> int | None:
    """Bytes that this process has mapped: all of them (VmSize), or those that it can write to (VmData)."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(1024 * int(line.split()[1]) for line in lines if line.startswith(f"{kind}:"))
    except (OSError, StopIteration):
        return None
