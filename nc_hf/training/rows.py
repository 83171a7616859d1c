"""Which rows of a rank's last batch are real: a distributed loader fills it up with rows that were read before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import SequentialSampler

from nc_hf.model.forward_pass import Observation


@dataclass(frozen=True)
class LastItems:
    """What a rank reads in the last step of an evaluation.

    Attributes:
        items: how many items of the data set, with those that only fill it up.
        real: how many leading ones of them no rank has read before.
        places: where in the data set the real ones stand; None where the loader does not say.
        dataset: the data set; None as above.
    """

    items: int
    real: int
    places: range | None = None
    dataset: Any = None


NOTHING_REPEATED = LastItems(0, 0)


def last_items(loader: Any, num_processes: int, process_index: int) -> LastItems | None:
    """Return what this rank reads in the last step, by the loader that accelerate prepared.

    Args:
        loader: as the Trainer iterates it.
        num_processes: of the run.
        process_index: of this rank.

    Returns:
        None where it cannot be known: a stream whose length nobody knows, a sampler of one's own.
    """
    if num_processes == 1:
        return NOTHING_REPEATED
    if hasattr(loader, "_fetch_batches"):  # one rank reads for all, and says how many rows it saw
        seen = loader.remainder
        return None if seen < 0 else _sliced(seen, -(-seen // num_processes), process_index)
    sampler, dataset = getattr(loader, "batch_sampler", None), getattr(loader, "dataset", None)
    if hasattr(sampler, "even_batches"):
        return _of_sampler(sampler, dataset)
    if all(hasattr(dataset, name) for name in ("process_index", "num_processes", "split_batches", "batch_size")):
        return _of_stream(dataset)
    # A stream of datasets that has shards enough for all ranks is divided by them, and nothing is filled up.
    return NOTHING_REPEATED if hasattr(dataset, "n_shards") else None


def real_part(batch: Observation, tokens: Tensor | None, last: LastItems) -> Observation | None:
    """Return what belongs to the real items of a rank's last batch, whose rows are not the items.

    Args:
        batch: of all items.
        tokens: (B, L) ``input_ids`` of its forward pass.
        last: what the rank read.

    Returns:
        None where what of a forward pass is real cannot be told.
    """
    if last.real == 0:
        return batch.leading(0)
    if batch.rows == 1 and tokens is not None and (length := _length(tokens.flatten(), last)) is not None:
        return batch.leading(length)
    return None


def _of_sampler(sampler: Any, dataset: Any) -> LastItems | None:
    """Of a data set with a length, of which each rank takes batches, or slices of batches, in turn."""
    inner = sampler.batch_sampler
    chosen: Any = getattr(inner, "sampler", None)
    try:
        total, size = len(chosen), int(inner.batch_size)
    except TypeError:  # of a sampler of one's own
        return None
    ranks, rank = sampler.num_processes, sampler.process_index
    mine = size // ranks if sampler.split_batches else size
    round_size = mine * ranks
    if getattr(inner, "drop_last", False) or not sampler.even_batches:
        return NOTHING_REPEATED
    begin = (max(total - 1, 0) // round_size) * round_size + rank * mine
    real = min(max(total - begin, 0), mine)
    return LastItems(mine, real, range(begin, begin + real) if isinstance(chosen, SequentialSampler) else None, dataset)


def _of_stream(shard: Any) -> LastItems | None:
    """Of a stream that every rank reads whole, and keeps its part of."""
    ranks, rank = shard.num_processes, shard.process_index
    mine = shard.batch_size // ranks if shard.split_batches else shard.batch_size
    if shard.drop_last:
        return NOTHING_REPEATED
    try:
        total = len(shard.dataset)
    except TypeError:
        return None
    left = total - (max(total - 1, 0) // (mine * ranks)) * mine * ranks
    return _sliced(left, mine, rank)


def _sliced(seen: int, items: int, rank: int) -> LastItems:
    return LastItems(items, min(max(seen - rank * items, 0), items))


def _length(tokens: Tensor, last: LastItems) -> int | None:
    """How many tokens of a row that items were joined to are of the real ones: those of the data set come first."""
    if last.places is None:
        return None
    try:
        items: Sequence[Any] = [last.dataset[place]["input_ids"] for place in last.places]
        real = torch.cat([torch.as_tensor(item).flatten() for item in items])
    except (KeyError, IndexError, TypeError, ValueError, RuntimeError):
        return None
    return len(real) if torch.equal(tokens[: len(real)].cpu(), real.cpu().to(tokens.dtype)) else None
