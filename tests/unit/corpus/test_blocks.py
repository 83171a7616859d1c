"""Blocks of tokens: labels, positions, parts, and what a fingerprint sees."""

from __future__ import annotations

import pickle

import pytest
import torch
from torch.utils.data import DataLoader

from nc_hf.corpus.blocks import IGNORED, TokenBlocks, fingerprint
from nc_hf.corpus.packing import pack_texts
from nc_hf.errors import InputError
from tests.letters import EOT, letters, tokens


def test_the_fingerprint_sees_ids_packing_block_size_and_tokenizer() -> None:
    texts = ["a b c d e f g h", "i j a b c d e f"]
    base = pack_texts(texts, letters(), 4)
    assert base.fingerprint == pack_texts(iter(texts), letters(), 4).fingerprint
    others = [
        pack_texts(texts[::-1], letters(), 4),
        pack_texts(texts, letters(), 8),
        pack_texts(texts, letters(), 4, packing="paper"),
        pack_texts(texts, letters(), 4, max_tokens=6),
        pack_texts(texts, letters(bos_first=True), 4),
    ]
    assert len({base.fingerprint, *(other.fingerprint for other in others)}) == 6
    # Without separators these two have the very same ids:
    one = pack_texts(["a b c d"], letters(), 4)
    other = pack_texts(["a b c d"], letters(), 4, packing="paper")
    assert tokens(one) == tokens(other)
    assert one.fingerprint != other.fingerprint


def test_shards_share_the_blocks_out_and_keep_the_fingerprint() -> None:
    blocks = pack_texts([" ".join("abcdefghij" * 3)], letters(), 3)
    shards = [blocks.shard(index, 4) for index in range(1, 5)]
    assert [len(shard) for shard in shards] == [3, 3, 2, 2]
    assert {shard.fingerprint for shard in shards} == {blocks.fingerprint}
    for row in range(len(blocks)):
        assert shards[row % 4].input_ids[row // 4].tolist() == blocks.input_ids[row].tolist()
        assert shards[row % 4].document_ids[row // 4].tolist() == blocks.document_ids[row].tolist()
    assert len(blocks.shard(11, 11)) == 0
    assert blocks.shard(11, 11).num_documents == blocks.shard(11, 11).num_labels == 0


@pytest.mark.parametrize(("index", "count"), [(0, 2), (3, 2), (1, 0), (1, -1)])
def test_a_shard_that_does_not_exist_is_refused(index: int, count: int) -> None:
    with pytest.raises(InputError, match="count from 1"):
        pack_texts(["a b"], letters(), 2).shard(index, count)


def test_a_data_loader_takes_the_blocks() -> None:
    blocks = pack_texts([" ".join("abcdefghij")], letters(), 3)
    batches = list(DataLoader(blocks, batch_size=2))
    assert [batch["input_ids"].tolist() for batch in batches] == [[[2, 3, 4], [5, 6, 7]], [[8, 9, 10]]]
    assert len(list(blocks)) == 3


def begun(**settings: int) -> TokenBlocks:
    return pack_texts(["a b", "c d e f g h i", "j a"], letters(bos_first=True), 6, **settings)


def test_marks_and_what_is_read_again_are_not_to_be_predicted() -> None:
    labels = begun().labels(slice(None))
    assert labels.tolist() == [
        [IGNORED, 2, 3, IGNORED, 4, 5],
        [IGNORED, IGNORED, IGNORED, 6, 7, 8],
        [IGNORED, IGNORED, IGNORED, 9, 10, IGNORED],
    ]
    assert begun().label_counts() == [4, 3, 2]
    assert begun().num_labels == 9
    assert begun().labels(1).tolist() == labels[1].tolist()
    assert begun().labels(torch.tensor([2, 0])).tolist() == labels[[2, 0]].tolist()


def test_without_marks_every_token_is_to_be_predicted() -> None:
    blocks = pack_texts(["a b c d e f g h i"], letters(), 3)
    assert torch.equal(blocks.labels(slice(None)), blocks.input_ids.long())
    assert blocks.label_counts() == [2, 2, 2]
    assert blocks.positions(slice(None)) is None


def test_positions_count_from_the_mark() -> None:
    positions = begun().positions(slice(None))
    assert positions is not None
    assert positions.tolist() == [[0, 1, 2, 0, 1, 2], [0, 1, 2, 3, 4, 5], [0, 1, 2, 3, 4, 0]]


def test_a_part_has_the_labels_of_the_whole() -> None:
    whole = begun()
    assert whole.shard(2, 2).labels(slice(None)).tolist() == whole.labels(slice(1, 2)).tolist()
    assert sum(whole.shard(index, 3).num_labels for index in (1, 2, 3)) == whole.num_labels
    assert whole.rows(slice(0, 2)).label_counts() == [4, 3]


def test_the_fingerprint_sees_what_makes_labels() -> None:
    blocks = begun()
    assert blocks.context is not None
    prints = {
        fingerprint(blocks.input_ids, "documents", "t", *labels)
        for labels in ((), (blocks.marks,), (blocks.marks, blocks.context), (blocks.marks, blocks.context + 1))
    }
    assert len(prints) == 4


def test_blocks_that_an_older_version_pickled_are_read() -> None:
    blocks = pack_texts(["a b c d"], letters(), 2)
    for later in ("marks", "context"):
        del blocks.__dict__[later]
    again = pickle.loads(pickle.dumps(blocks))
    assert again.labels(slice(None)).tolist() == [[2, 3], [4, 5]]
    assert again.num_labels == 2
    assert again.shard(1, 1).mark_ids == (EOT,)
