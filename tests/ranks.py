"""Ranks as threads of this process, over torch's own process group for that: what they exchange is seen by a test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar
from unittest.mock import patch

import torch
import torch.distributed as dist
from torch.testing._internal.distributed.multi_threaded_pg import _install_threaded_pg, _uninstall_threaded_pg

from nc_hf.runtime import distributed

PATIENCE = timedelta(seconds=60)
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Rank:
    """One of several processes, as `nc_hf.runtime.distributed.Process` describes them."""

    process_index: int
    num_processes: int
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))


def on_ranks(size: int, work: Callable[[Rank], _Result]) -> list[_Result]:
    """Do the same work on every rank at the same time, and return what each returned."""
    store = dist.HashStore()

    def run(rank: int) -> _Result:
        dist.init_process_group("threaded", rank=rank, world_size=size, store=store)
        try:
            return work(Rank(rank, size))
        finally:
            dist.destroy_process_group()

    _install_threaded_pg()
    torch._C._distributed_c10d._set_thread_isolation_mode(True)
    try:
        # This group has no backend that could be asked how long to wait.
        with patch.object(distributed, "_timeout_of", lambda *_: PATIENCE), ThreadPoolExecutor(size) as pool:
            return [each.result() for each in [pool.submit(run, rank) for rank in range(size)]]
    finally:
        torch._C._distributed_c10d._set_thread_isolation_mode(False)
        _uninstall_threaded_pg()


@contextmanager
def elements_sent() -> Iterator[list[int]]:
    """Count the elements of each tensor that a rank sends."""
    sent: list[int] = []
    broadcast = dist.broadcast

    def counted(tensor: torch.Tensor, src: int, **how: Any) -> Any:
        if dist.get_rank() == src:
            sent.append(tensor.numel())
        return broadcast(tensor, src=src, **how)

    with patch.object(dist, "broadcast", counted):
        yield sent
