"""Ratios of two pieces of work measured in turn: on a shared machine only these mean something."""

from __future__ import annotations

import platform
import statistics
import time
from collections.abc import Callable

import torch


def ratio(first: Callable[[], object], second: Callable[[], object], pairs: int) -> tuple[float, float, float]:
    """Run both in turn ``pairs`` times; return the median ratio of first over second, and both median seconds."""
    return ratio_of_seconds(lambda: seconds_of(first), lambda: seconds_of(second), pairs)


def ratio_of_seconds(first: Callable[[], float], second: Callable[[], float], pairs: int) -> tuple[float, float, float]:
    """As `ratio`, of work that times itself and returns its seconds."""
    first(), second()
    timed = [(first(), second()) for _ in range(pairs)]
    return (
        statistics.median(a / b for a, b in timed),
        statistics.median(a for a, _ in timed),
        statistics.median(b for _, b in timed),
    )


def seconds_of(work: Callable[[], object]) -> float:
    """Run it once and return how long it took."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def machine() -> str:
    """What the figures were measured on."""
    return f"torch {torch.__version__}, {torch.get_num_threads()} threads, Python {platform.python_version()}"
