"""Ranks that share a forward pass are one reader, wherever they lie in the mesh."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import Replicate, Shard, distribute_tensor
from torch.testing._internal.distributed.fake_pg import FakeStore

from nc_hf.model.readers import Reader, find_reader


@pytest.fixture
def world(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Rank ``request.param`` of 8, whose messages go nowhere."""
    dist.init_process_group("fake", rank=request.param, world_size=8, store=FakeStore())
    yield SimpleNamespace(num_processes=8, device=torch.device("cpu"))
    dist.destroy_process_group()


def of_mesh(shape: tuple[int, ...], names: tuple[str, ...] | None, placements: list[Any]) -> nn.Module:
    mesh = init_device_mesh("cpu", shape, mesh_dim_names=names)
    layer = nn.Linear(16, 16)
    layer.weight = nn.Parameter(distribute_tensor(layer.weight.detach(), mesh, placements))
    return layer


def test_one_process() -> None:
    process = SimpleNamespace(num_processes=1, device=torch.device("cpu"))
    assert find_reader(nn.Linear(2, 2), process) == Reader(0, 1, first=True)


@pytest.mark.parametrize("world", [5], indirect=True)
def test_a_rank_by_itself(world: Any) -> None:
    assert find_reader(nn.Linear(2, 2), world) == Reader(5, 8, first=True)


@pytest.mark.parametrize(
    ("world", "wanted"),
    [(0, Reader(0, 4, first=True)), (1, Reader(0, 4, first=False)), (6, Reader(3, 4, first=True))],
    indirect=["world"],
)
def test_neighbours_share_a_pass(world: Any, wanted: Reader) -> None:
    model = of_mesh((4, 2), ("dp_replicate", "tp"), [Replicate(), Shard(0)])
    assert find_reader(model, world) == wanted


@pytest.mark.parametrize(
    ("world", "wanted"),
    [(1, Reader(1, 4, first=True)), (5, Reader(1, 4, first=False)), (7, Reader(3, 4, first=False))],
    indirect=["world"],
)
def test_ranks_at_a_distance_share_a_pass(world: Any, wanted: Reader) -> None:
    assert find_reader(of_mesh((2, 4), ("tp", "dp"), [Shard(0), Replicate()]), world) == wanted


@pytest.mark.parametrize("world", [3], indirect=True)
def test_without_names_it_is_where_a_weight_is_divided(world: Any) -> None:
    assert find_reader(of_mesh((8,), None, [Shard(1)]), world) == Reader(0, 1, first=False)
    assert find_reader(of_mesh((8,), None, [Replicate()]), world) == Reader(3, 8, first=True)


@pytest.mark.parametrize("world", [3], indirect=True)
def test_fsdp_divides_weights_and_no_pass(world: Any) -> None:
    mesh = init_device_mesh("cpu", (8,))
    assert find_reader(fully_shard(nn.Linear(16, 16), mesh=mesh), world) == Reader(3, 8, first=True)
