"""Where blocks go: the same from the disk as from memory, in the smallest integer, and never all of them held."""

from __future__ import annotations

import os
import random
import resource
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch

from nc_hf.corpus.marks import NO_MARKS, Marks
from nc_hf.corpus.packing import pack_texts
from nc_hf.corpus.stores import InMemory, OnDisk, Owned, Store
from nc_hf.corpus.tokens import Tokens
from nc_hf.corpus.writers import BegunBlocks, Sequence, Writer
from nc_hf.errors import FileError, TokenizerError
from tests.letters import VOCABULARY, letters

RNG = random.Random(0)
TEXTS = [" ".join(RNG.choices("abcdefghij", k=RNG.randint(1, 40))) for _ in range(300)]


def owned(*ids: int) -> Owned:
    return np.array([ids, range(len(ids))], dtype=np.int32)


@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize("packing", ["documents", "paper"])
@pytest.mark.parametrize("max_tokens", [None, 700])
def test_blocks_from_the_disk_are_those_from_memory(
    tmp_path: Path, packing: str, begun: bool, max_tokens: int | None
) -> None:
    words = letters(bos_first=begun)
    held, kept = (
        pack_texts(TEXTS, words, 16, packing=packing, max_tokens=max_tokens, store=store)
        for store in (None, OnDisk(tmp_path, len(VOCABULARY)))
    )
    assert (held.input_ids.dtype, kept.input_ids.dtype) == (torch.int32, torch.uint16)
    assert torch.equal(kept.input_ids.long(), held.input_ids.long())
    assert kept.document_ids is None
    assert kept.fingerprint == held.fingerprint
    assert kept.labels(slice(None)).tolist() == held.labels(slice(None)).tolist()
    assert kept.label_counts() == held.label_counts()
    assert kept.token_counts(first=1).tolist() == held.token_counts(first=1).tolist()
    assert kept.highest_id == held.highest_id == max(VOCABULARY.values())
    some = torch.tensor([3, 0, 5])
    assert kept[4]["input_ids"].tolist() == held[4]["input_ids"].tolist()
    assert kept.rows(some).labels(slice(None)).tolist() == held.labels(some).tolist()
    assert kept.spread(100, seed=1).fingerprint == held.spread(100, seed=1).fingerprint
    places, wanted = kept.positions(some), held.positions(some)
    assert (places is None) == (wanted is None) == (not begun or packing == "paper")
    assert places is None or places.tolist() == wanted.tolist()


@pytest.mark.parametrize(("vocab_size", "dtype"), [(1 << 16, torch.uint16), ((1 << 16) + 1, torch.int32)])
def test_ids_take_the_smallest_integer_that_holds_the_vocabulary(
    tmp_path: Path, vocab_size: int, dtype: torch.dtype
) -> None:
    store = OnDisk(tmp_path, vocab_size)
    store.put(owned(0, 1, vocab_size - 1, 7))
    ids, _ = store.tensors(2)
    assert ids.dtype == dtype
    assert ids.tolist() == [[0, 1], [vocab_size - 1, 7]]


def test_a_token_beyond_the_vocabulary_is_refused_and_not_wrapped(tmp_path: Path) -> None:
    with pytest.raises(TokenizerError, match="gives the token 65536, beyond its own vocabulary of 65536: name another"):
        OnDisk(tmp_path, 1 << 16).put(owned(3, 1 << 16))


def test_nothing_is_left_of_the_file(tmp_path: Path) -> None:
    store = OnDisk(tmp_path, 10)
    store.put(owned(1, 2))
    ids, _ = store.tensors(2)
    del store
    assert ids.tolist() == [[1, 2]]
    assert not os.listdir(tmp_path)


def test_a_full_disk_is_said_in_a_sentence(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    store = OnDisk(tmp_path, 10)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))  # of any file
    said = rf"text cannot be written in {tmp_path} \(.*\): check the folder and the room"
    try:
        with pytest.raises(FileError, match=said):
            store.put(owned(*[1] * 20_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    with pytest.raises(FileError, match="check the folder"):
        OnDisk(tmp_path / "nowhere", 10)


def writer_of(kind: type[Writer], store: Store) -> Writer:
    return Sequence(64, NO_MARKS, 0, store=store) if kind is Sequence else BegunBlocks(64, Marks((1,), ()), store)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [Sequence, BegunBlocks])
def test_a_text_need_not_fit_into_memory(tmp_path: Path, kind: type[Writer]) -> None:
    """Ten times the text holds no more, but for a number a block; in memory it is ten times as much."""

    def held(groups: int, store: Store) -> int:
        writer = writer_of(kind, store)
        tracemalloc.start()
        for number in range(groups):
            writer.add([Tokens(number, [2] * 1000, first=True, last=True)])
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert writer.blocks()[0].numel() >= 990 * groups
        return peak

    disk = [held(groups, OnDisk(tmp_path, 10)) for groups in (20, 200)]
    memory = [held(groups, InMemory()) for groups in (20, 200)]
    assert disk[1] < disk[0] + 16 * 2 * 200 * 1000 / 64
    assert memory[1] > memory[0] + 8 * 180 * 990
