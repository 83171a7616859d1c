"""Blocks of tokens: labels, positions, parts, and what a fingerprint sees."""

from __future__ import annotations

import hashlib
import json
import pickle
import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch.utils.data import DataLoader

from nc_hf.corpus import blocks as module
from nc_hf.corpus.blocks import IGNORED, TokenBlocks, fingerprint, hash_counts
from nc_hf.corpus.marks import Marks
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


@pytest.mark.parametrize("dtype", [torch.int32, torch.uint16], ids=str)
@pytest.mark.parametrize("context", [None, [0, 1, 1, 0, 2, 0, 1]], ids=["nothing before", "some before"])
def test_the_fingerprint_is_a_hash_of_every_block(
    context: list[int] | None, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_HASHED_ROWS", 3)
    ids = torch.randint(60_000, (7, 5), generator=torch.Generator().manual_seed(0))
    marks = Marks() if context is None else Marks(begin=(9,))
    header = {"block_size": 5, "blocks": 7, "packing": "documents", "tokenizer": "t"}
    words = json.dumps(header if context is None else {"begin": [9], **header})
    numbers = [*ids.flatten().tolist(), *(context or [])]
    expected = hashlib.sha256(words.encode() + struct.pack(f"<{len(numbers)}i", *numbers)).hexdigest()
    given = None if context is None else torch.tensor(context, dtype=torch.int32)
    assert fingerprint(ids.to(dtype), "documents", "t", marks, given) == expected


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
    for later in ("marks", "context", "census", "seed"):
        del blocks.__dict__[later]
    again = pickle.loads(pickle.dumps(blocks))
    assert again.labels(slice(None)).tolist() == [[2, 3], [4, 5]]
    assert again.num_labels == 2
    assert again.shard(1, 1).mark_ids == (EOT,)


def documents(count: int = 120) -> list[str]:
    """Texts of 1 to 40 letters, so that many begin in the middle of a block and some fill several."""
    drawn = torch.Generator().manual_seed(2)
    lengths = torch.randint(1, 41, (count,), generator=drawn).tolist()
    return [" ".join("abcdefghij"[i] for i in torch.randint(10, (n,), generator=drawn)) for n in lengths]


def packed(kind: str, block_size: int = 12) -> TokenBlocks:
    """The documents with a mark in front of each and what is read again; as one sequence; or as the paper did."""
    tokenizer = letters(bos_first=kind == "begun")
    return pack_texts(documents(), tokenizer, block_size, packing="paper" if kind == "paper" else "documents")


def to_predict(blocks: TokenBlocks) -> Iterator[int]:
    """One by one what is to be predicted: no mark in front of a document, and nothing that is read again."""
    context = torch.zeros(len(blocks)) if blocks.context is None else blocks.context
    for row, read in zip(blocks.input_ids.tolist(), context.tolist(), strict=True):
        for place, token in enumerate(row):
            if place >= read and token not in blocks.marks.begin:
                yield token


def counted(counts: torch.Tensor) -> dict[int, int]:
    return {token: count for token, count in enumerate(counts.tolist()) if count}


KINDS = ["begun", "one sequence", "paper"]


class TestTokenCounts:
    @pytest.mark.parametrize("rows", [1, 7, 4096], ids=lambda rows: f"{rows} at a time")
    @pytest.mark.parametrize("kind", KINDS)
    def test_every_token_to_be_predicted_is_counted(
        self, kind: str, rows: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "_HASHED_ROWS", rows)
        blocks = packed(kind)
        assert (blocks.context is not None) == (kind == "begun")
        tokens = list(to_predict(blocks))
        counts = blocks.token_counts()
        assert counts.dtype == torch.int64
        assert len(counts) == 1 + int(blocks.input_ids.max())
        assert counted(counts) == Counter(tokens)
        for most in (0, 1, 11, 12, 13, 500, len(tokens) - 1, len(tokens), 10**9):
            assert counted(blocks.token_counts(most)) == Counter(tokens[:most])

    @pytest.mark.parametrize("block_size", [3, 12, 50])
    def test_documents_that_begin_with_a_mark_are_counted_once(self, block_size: int) -> None:
        """Each of their tokens, though some are read again at the beginning of a block."""
        spelled = [2 + "abcdefghij".index(letter) for text in documents() for letter in text.split()]
        blocks = packed("begun", block_size)
        assert blocks.num_labels > 2_000
        counts = blocks.token_counts()
        assert int(counts.sum()) == blocks.num_labels
        assert counted(counts) == Counter(spelled[: blocks.num_labels])

    def test_parts_add_up(self) -> None:
        blocks = packed("begun")
        parts = [blocks.rows(slice(0, 7)), blocks.rows(slice(7, None))]
        total = Counter[int]()
        for part in parts:
            total.update(counted(part.token_counts()))
        assert total == Counter(counted(blocks.token_counts()))

    def test_the_mark_between_documents_is_a_token_like_others(self) -> None:
        blocks = packed("one sequence")
        assert blocks.token_counts()[EOT] == int((blocks.input_ids == EOT).sum()) > 100


class TestSpread:
    @staticmethod
    def places(part: TokenBlocks, whole: TokenBlocks) -> list[int]:
        """Which blocks of the whole these are."""
        every = [
            (ids.tolist(), owners.tolist()) for ids, owners in zip(whole.input_ids, whole.document_ids, strict=True)
        ]
        found = zip(part.input_ids, part.document_ids, strict=True)
        return [every.index((ids.tolist(), owners.tolist())) for ids, owners in found]

    @pytest.mark.parametrize("kind", KINDS)
    def test_it_takes_as_many_blocks_as_the_budget_holds_in_their_order(self, kind: str) -> None:
        whole = packed(kind)
        largest = max(whole.label_counts())
        for budget in (20, 100, 555, 1_500):
            part = whole.spread(budget, seed=3)
            places = self.places(part, whole)
            assert all(one < other for one, other in pairwise(places))
            assert budget - largest < part.num_labels <= budget
            assert part.labels(slice(None)).tolist() == whole.labels(torch.tensor(places)).tolist()
            for name in ("packing", "source", "split", "tokenizer_hash", "eot_id", "marks"):
                assert getattr(part, name) == getattr(whole, name)

    def test_a_larger_budget_reads_what_the_smaller_one_did(self) -> None:
        whole = packed("begun")
        for seed in range(5):
            taken = [set(self.places(whole.spread(budget, seed), whole)) for budget in (1, 40, 41, 300, 1_000, 2_000)]
            assert all(smaller <= larger for smaller, larger in pairwise(taken))
            assert len(taken[0]) == 1
            assert len(taken[-1]) > len(taken[1]) > 1

    def test_it_reads_from_all_of_the_text(self) -> None:
        """No block is left out by every seed, and none is taken by every one: chances of 1 in 2^100."""
        whole = packed("begun")
        times = Counter(place for seed in range(100) for place in self.places(whole.spread(1_200, seed), whole))
        assert set(times) == set(range(len(whole)))
        assert max(times.values()) < 100

    def test_another_seed_reads_other_blocks_and_the_same_seed_the_same(self) -> None:
        whole = packed("begun")
        one, again, other = whole.spread(500, 1), whole.spread(500, 1), whole.spread(500, 2)
        assert one.fingerprint == again.fingerprint
        assert self.places(one, whole) == self.places(again, whole)
        assert self.places(one, whole) != self.places(other, whole)
        assert len({whole.fingerprint, one.fingerprint, other.fingerprint}) == 3
        assert (one.seed, other.seed, whole.seed, one.shard(1, 2).seed) == (1, 2, None, 1)
        state = torch.get_rng_state()
        whole.spread(500, 1)
        assert torch.equal(torch.get_rng_state(), state)

    def test_its_fingerprint_is_that_of_what_it_holds(self) -> None:
        part = packed("begun").spread(500, 1)
        assert part.fingerprint == part.content_hash()
        assert part.fingerprint == fingerprint(
            part.input_ids, part.packing, part.tokenizer_hash, part.marks, part.context
        )
        assert part.shard(1, 2).fingerprint == part.fingerprint != part.shard(1, 2).content_hash()

    def test_one_block_is_taken_at_the_least(self) -> None:
        whole = packed("one sequence", 50)
        assert [len(whole.spread(budget, 0)) for budget in (1, 48, 49, 97, 98)] == [1, 1, 1, 1, 2]
        single = whole.rows(slice(0, 1))
        assert single.spread(1, 0) is single

    def test_all_are_taken_as_they_are_where_they_fit(self) -> None:
        whole = packed("begun")
        assert whole.spread(whole.num_labels, 4) is whole
        assert whole.spread(10**9, 4) is whole
        assert whole.seed is None
        assert len(whole.spread(whole.num_labels - 1, 4)) == len(whole) - 1

    def test_the_census_stays_that_of_the_text(self) -> None:
        whole = packed("begun")
        counted = replace(whole, census=whole.token_counts())
        for part in (counted.spread(100, 0), counted.shard(1, 3), counted.rows(slice(2))):
            assert part.census is counted.census
        assert whole.census is None


def test_texts_are_told_apart_by_their_counts() -> None:
    counts = torch.tensor([5, 0, 300])
    assert hash_counts(counts) == hashlib.sha256(struct.pack("<3q", 5, 0, 300)).hexdigest()[:16]
    assert hash_counts(counts) == hash_counts(counts.clone())
    assert len({hash_counts(torch.tensor(each)) for each in ([5, 0, 300], [5, 0, 301], [0, 5, 300], [5, 300])}) == 4


def test_labels_are_a_copy_whatever_the_type_of_the_tokens() -> None:
    ids = torch.tensor([[0, 5, 6, 0], [0, 7, 0, 8]])
    blocks = TokenBlocks(
        ids.clone(), ids * 0, "", "documents", "made", "test", "", None, Marks(begin=(0,)), torch.tensor([2, 1])
    )
    assert blocks.labels(slice(0, 2)).tolist() == [[-100, -100, 6, -100], [-100, 7, -100, 8]]
    assert torch.equal(blocks.input_ids, ids)
