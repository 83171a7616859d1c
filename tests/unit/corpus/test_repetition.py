"""How much of a text stood before, against counting runs of tokens one by one."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from nc_hf.corpus import repetition
from nc_hf.corpus.repetition import WINDOW, repeated_share


def counted(ids: Tensor, window: int) -> float:
    """The share by a set of tuples."""
    runs = [tuple(row[i : i + window]) for row in ids.tolist() for i in range(len(row) - window + 1)]
    return 1 - len(set(runs)) / len(runs)


@pytest.mark.parametrize("shape", [(40, 64), (3, WINDOW), (2500, 33)])
def test_it_is_the_share_of_runs_that_stood_before(shape: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(50_000, shape, generator=generator, dtype=torch.int32)
    assert repeated_share(ids) == counted(ids, WINDOW) == 0
    ids[len(ids) // 2 :] = ids[: len(ids) - len(ids) // 2].flip(0)
    assert repeated_share(ids) == counted(ids, WINDOW) > 0.3


@pytest.mark.parametrize(("length", "window"), [(2, 2), (7, 4), (31, 16)])
def test_short_blocks_have_shorter_runs(length: int, window: int) -> None:
    ids = torch.randint(3, (200, length), generator=torch.Generator().manual_seed(1), dtype=torch.int32)
    assert repeated_share(ids) == pytest.approx(counted(ids, window))


def test_one_sentence_over_and_over() -> None:
    ids = torch.arange(12, dtype=torch.int32).repeat(900)[: 84 * 128].view(84, 128)
    assert repeated_share(ids) == pytest.approx(1 - 12 / (84 * 97))


def test_what_a_block_repeats_of_the_one_before_for_context_alone_is_left_out() -> None:
    text = torch.randint(40_000, (700,), generator=torch.Generator().manual_seed(3), dtype=torch.int32)
    ids = torch.stack([text[begin : begin + 100] for begin in range(0, 601, 50)])
    context = torch.full((len(ids),), 50, dtype=torch.int32)
    context[0] = 0
    assert repeated_share(ids) > 0.2
    assert repeated_share(ids, context) == 0
    assert repeated_share(torch.cat([ids, ids]), torch.cat([context, context])) == 0.5


def test_runs_that_differ_in_their_order_differ() -> None:
    ids = torch.stack([torch.arange(WINDOW), torch.arange(WINDOW).flip(0), torch.zeros(WINDOW)]).int()
    assert repeated_share(ids) == 0


def test_of_many_runs_a_part_tells_as_much(monkeypatch: pytest.MonkeyPatch) -> None:
    ids = torch.randint(40_000, (600, 128), generator=torch.Generator().manual_seed(2), dtype=torch.int32)
    ids[300:450] = ids[:150]
    whole = repeated_share(ids)
    monkeypatch.setattr(repetition, "_MOST", 8_000)
    assert whole == pytest.approx(0.25)
    assert repeated_share(ids) == pytest.approx(whole, abs=0.03)
