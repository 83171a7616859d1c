"""What a cell costs: operations against a counter, and shards of about equal work."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from nc_hf.errors import StudyError
from nc_hf.study.cost import forward_flops, relative_cost, shard, training_share
from nc_hf.study.families import build_model
from nc_hf.study.grid import Study
from nc_hf.study.preset import load_study

SMOKE = "smoke"
TINY = load_study(SMOKE).changed(block_size=16, vocab_size=300)
CELL = replace(TINY.cells[0], depth=3, weight_decay=0.0)


@pytest.fixture
def study() -> Study:
    return TINY


def test_operations_are_those_of_the_matrix_products(study: Study) -> None:
    model = build_model(CELL, 300)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(input_ids=torch.zeros(2, 16, dtype=torch.long), use_cache=False)
    assert forward_flops(CELL, 300) * 32 == counter.get_total_flops()


@pytest.mark.parametrize("count", [1, 2, 3, 7, 50])
def test_shards_are_the_whole_and_even(study: Study, count: int) -> None:
    grid = study.changed(width=(32, 64, 128), depth=(1, 2, 4), seed=(0, 1))
    parts = [shard(grid, index, count) for index in range(1, count + 1)]
    assert sorted(cell.name for part in parts for cell in part) == sorted(cell.name for cell in grid.cells)
    loads = [sum(relative_cost(grid, cell) for cell in part) for part in parts]
    assert max(loads) - min(loads) <= max(relative_cost(grid, cell) for cell in grid.cells)


@pytest.mark.parametrize(("index", "count"), [(0, 2), (3, 2), (1, 0)])
def test_no_such_shard(study: Study, index: int, count: int) -> None:
    with pytest.raises(StudyError, match="no shard"):
        shard(study, index, count)


def test_training_is_most_of_a_cell(study: Study) -> None:
    assert training_share(study, CELL) == pytest.approx(6 / 9)  # two epochs, three states
