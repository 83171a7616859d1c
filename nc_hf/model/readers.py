"""Which ranks run a model over the same rows: those that share out one forward pass by tensor parallelism."""

from __future__ import annotations

from dataclasses import dataclass

import torch.distributed as dist
from torch import nn

from nc_hf.runtime.distributed import Process

_TENSOR_PARALLEL = "tp"
"""What accelerate and transformers call the dimension of a mesh along which ranks share a forward pass."""


@dataclass(frozen=True)
class Reader:
    """The ranks that read the same rows as this one, as one reader among several.

    Attributes:
        index: of the reader, from 0.
        count: of readers.
        first: whether this rank is the one that speaks for it.
    """

    index: int
    count: int
    first: bool


def find_reader(model: nn.Module, process: Process) -> Reader:
    """Return the reader that this rank belongs to; a rank by itself unless its model is tensor parallel.

    Args:
        model: as it runs.
        process: of which this rank is one.
    """
    if process.num_processes == 1:
        return Reader(0, 1, first=True)
    rank = dist.get_rank()
    ranks = _sharing_ranks(model, rank)
    if len(ranks) < 2:
        return Reader(rank, process.num_processes, first=True)
    # Ranks of a group lie a fixed step apart: side by side where the mesh has the tensor-parallel dimension last.
    first, step = ranks[0], ranks[1] - ranks[0]
    index = first // (step * len(ranks)) * step + first % step
    return Reader(index, process.num_processes // len(ranks), first=rank == first)


def _sharing_ranks(model: nn.Module, rank: int) -> list[int]:
    """Return the ranks, ascending, that a rank shares its forward passes with, itself among them; none by itself."""
    from torch.distributed.fsdp import FSDPModule
    from torch.distributed.tensor import DTensor, Shard

    by_name = any(isinstance(part, FSDPModule) for part in model.modules())  # FSDP shards weights, not passes
    for parameter in model.parameters():
        if not isinstance(parameter, DTensor):
            continue
        mesh, names = parameter.device_mesh, parameter.device_mesh.mesh_dim_names or ()
        along = [dim for dim, placement in enumerate(parameter.placements) if isinstance(placement, Shard)]
        if by_name or _TENSOR_PARALLEL in names:
            along = [dim for dim, name in enumerate(names) if name == _TENSOR_PARALLEL]
        place = (mesh.mesh == rank).nonzero().tolist()
        if along and place:
            mine = place[0]
            ranks = mesh.mesh[tuple(slice(None) if dim == along[0] else at for dim, at in enumerate(mine))]
            return sorted(ranks.tolist())
    return []
