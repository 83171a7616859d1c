"""Tensors between processes: every rank's dictionary of tensors, on every rank, in rank order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

import torch
import torch.distributed as dist
from torch import Tensor


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


def sum_over_processes(values: list[float], process: Process) -> list[float]:
    """Add up plain numbers (float64) over all ranks; every rank gets the sums."""
    if process.num_processes == 1:
        return values
    total = torch.zeros(len(values), dtype=torch.float64)
    for part in exchange_tensors({"values": torch.tensor(values, dtype=torch.float64)}, process):
        total += part["values"].cpu()
    return [float(value) for value in total]
