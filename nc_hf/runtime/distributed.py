"""Tensors between processes: every rank's dictionary of tensors, on every rank, in rank order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

import torch
import torch.distributed as dist
from torch import Tensor

from nc_hf.errors import NCError


class Process(Protocol):
    """What ``reduce`` asks of an ``accelerate.Accelerator`` or ``PartialState``."""

    num_processes: int
    device: torch.device


def exchange_tensors(tensors: Mapping[str, Tensor], process: Process) -> Iterator[dict[str, Tensor]]:
    """Yield the tensors of rank 0, 1, ... in turn, the same on every rank, one rank's worth of memory at a time.

    Args:
        tensors: this rank's; names, shapes and dtypes may differ from rank to rank.
        process: the accelerator; its device must be one that the process group can send from.
    """
    headers: list[list[tuple[str, tuple[int, ...], torch.dtype]]] = [[] for _ in range(process.num_processes)]
    dist.all_gather_object(headers, [(name, tuple(t.shape), t.dtype) for name, t in tensors.items()])
    for rank, header in enumerate(headers):
        received = {}
        for name, shape, dtype in header:
            if rank == dist.get_rank():
                buffer = tensors[name].detach().to(process.device).contiguous()
            else:
                buffer = torch.empty(shape, dtype=dtype, device=process.device)
            dist.broadcast(buffer, src=rank)
            received[name] = buffer
        yield received


@contextmanager
def failing_together(process: Process) -> Iterator[None]:
    """Run what one rank may fail at, and have every rank know before any waits for another.

    Raises:
        Exception: on a rank that failed, its own; on the others an error of the same kind that names the rank. All of
            them have to come here.
    """
    trouble: Exception | None = None
    try:
        yield
    except Exception as raised:
        trouble = raised
    if process.num_processes > 1:
        said: list[tuple[type[NCError], str] | None] = [None] * process.num_processes
        kind = type(trouble) if isinstance(trouble, NCError) else NCError
        dist.all_gather_object(said, None if trouble is None else (kind, str(trouble)))
        failed = next((rank for rank, entry in enumerate(said) if entry is not None), None)
        if trouble is None and failed is not None and (entry := said[failed]) is not None:
            raise entry[0](f"Process {failed} of {process.num_processes}: {entry[1]}")
    if trouble is not None:
        raise trouble


def sum_over_processes(values: list[float], process: Process) -> list[float]:
    """Add up plain numbers (float64) over all ranks; every rank gets the sums."""
    if process.num_processes == 1:
        return values
    total = torch.zeros(len(values), dtype=torch.float64)
    for part in exchange_tensors({"values": torch.tensor(values, dtype=torch.float64)}, process):
        total += part["values"].cpu()
    return [float(value) for value in total]
