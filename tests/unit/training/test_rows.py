"""Which rows of a last batch are real, against what accelerate's own loaders hand out."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from accelerate.data_loader import BatchSamplerShard, IterableDatasetShard
from torch import Tensor
from torch.utils.data import BatchSampler, RandomSampler, SequentialSampler

from nc_hf.model.forward_pass import Observation, labelled
from nc_hf.training.rows import NOTHING_REPEATED, LastItems, last_items, real_part


class Loader:
    def __init__(self, **parts: Any) -> None:
        vars(self).update(parts)


class Stream(torch.utils.data.IterableDataset[int]):
    def __init__(self, rows: int) -> None:
        self.rows = rows

    def __iter__(self) -> Any:
        return iter(range(self.rows))


class Sized(Stream):
    def __len__(self) -> int:
        return self.rows


def batches(items: list[int], size: int) -> list[list[int]]:
    return [items[begin : begin + size] for begin in range(0, len(items), size)]


@pytest.mark.parametrize("split", [False, True])
@pytest.mark.parametrize("ranks", [2, 3])
@pytest.mark.parametrize("rows", [1, 2, 5, 11, 12, 13, 17, 24])
def test_a_data_set_with_a_length(rows: int, ranks: int, split: bool) -> None:
    """Each row is real once: on which rank and where, is what the sampler itself hands out, less what came before."""
    size = 2 * ranks if split else 2
    seen: list[int] = []
    lasts = []
    for rank in range(ranks):
        inner = BatchSampler(SequentialSampler(range(rows)), size, False)
        mine = list(BatchSamplerShard(inner, ranks, rank, split_batches=split))
        last = last_items(Loader(batch_sampler=BatchSamplerShard(inner, ranks, rank, split), dataset=None), ranks, rank)
        assert last is not None
        assert last.items == len(mine[-1])
        lasts += mine[-1][: last.real]
        assert last.places is not None
        assert list(last.places) == mine[-1][: last.real]
        seen += [row for batch in mine[:-1] for row in batch]
    assert sorted(seen + lasts) == list(range(rows))


@pytest.mark.parametrize("rows", [5, 12, 13, 24])
def test_a_stream_with_a_length(rows: int) -> None:
    lasts, seen = [], []
    for rank in range(2):
        shard = IterableDatasetShard(Sized(rows), 3, num_processes=2, process_index=rank)
        last = last_items(Loader(dataset=shard), 2, rank)
        *before, end = batches(list(shard), 3)
        assert last is not None
        lasts += end[: last.real]
        seen += [row for batch in before for row in batch]
    assert sorted(seen + lasts) == list(range(rows))


def test_what_one_rank_hands_out_is_what_it_saw() -> None:
    loader = Loader(_fetch_batches=None, remainder=5)
    assert [last_items(loader, 2, rank) for rank in range(2)] == [LastItems(3, 3), LastItems(3, 2)]
    loader.remainder = -1
    assert last_items(loader, 2, 0) is None


def test_where_nothing_is_filled_up() -> None:
    inner = BatchSampler(SequentialSampler(range(5)), 2, True)
    assert last_items(Loader(batch_sampler=BatchSamplerShard(inner, 2, 0)), 2, 0) is NOTHING_REPEATED
    uneven = BatchSamplerShard(BatchSampler(SequentialSampler(range(5)), 2, False), 2, 1, even_batches=False)
    assert last_items(Loader(batch_sampler=uneven), 2, 1) is NOTHING_REPEATED
    assert last_items(Loader(), 1, 0) is NOTHING_REPEATED
    assert last_items(Loader(dataset=IterableDatasetShard(Sized(5), 3, drop_last=True, num_processes=2)), 2, 0) is (
        NOTHING_REPEATED
    )
    assert last_items(Loader(dataset=Loader(n_shards=4)), 2, 0) is NOTHING_REPEATED


def test_what_nobody_knows() -> None:
    assert last_items(Loader(dataset=IterableDatasetShard(Stream(5), 3, num_processes=2)), 2, 0) is None
    assert last_items(Loader(dataset=[1, 2]), 2, 0) is None
    assert last_items(Loader(batch_sampler=BatchSamplerShard([[0, 1], [2]], 2, 0)), 2, 0) is None  # type: ignore[arg-type]


def joined(*lengths: int) -> tuple[Observation, Tensor, list[dict[str, Tensor]]]:
    """Items of these lengths in one row."""
    items = [{"input_ids": torch.arange(10 * place, 10 * place + length)} for place, length in enumerate(lengths)]
    tokens = torch.cat([item["input_ids"] for item in items]).unsqueeze(0)
    targets = torch.arange(tokens.numel()).unsqueeze(0)
    targets[0, -1] = -100
    return Observation(targets, {"final": targets.T.float()}, None, None, None, None), tokens, items


def test_items_joined_to_a_row_end_where_the_real_ones_do() -> None:
    batch, tokens, items = joined(3, 5, 2, 4)
    part = real_part(batch, tokens, LastItems(4, 2, range(2), items))
    assert part is not None
    assert labelled([part]).index.tolist() == list(range(8))
    empty = real_part(batch, tokens, LastItems(4, 0, range(0), items))
    assert empty is not None
    assert len(labelled([empty]).index) == 0


@pytest.mark.parametrize("wrong", ["other tokens", "no places", "no such column", "several rows", "shuffled"])
def test_a_row_that_is_not_the_items_is_left_to_be_said(wrong: str) -> None:
    batch, tokens, items = joined(3, 5, 2)
    places: range | None = range(2)
    if wrong == "other tokens":
        tokens = tokens.flip(1)
    elif wrong == "no places":
        places = None
    elif wrong == "no such column":
        items = [{"tokens": item["input_ids"]} for item in items]
    elif wrong == "several rows":
        batch = Observation(batch.targets.view(2, 5), {}, None, None, None, None)
    else:
        inner = BatchSampler(RandomSampler(range(5)), 2, False)
        last = last_items(Loader(batch_sampler=BatchSamplerShard(inner, 2, 0), dataset=None), 2, 0)
        assert last is not None
        places = last.places
    assert real_part(batch, tokens, LastItems(3, 2, places, items)) is None
