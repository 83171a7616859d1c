"""Blocks that begin with a mark, held against the documents: every token once, from where its document begins."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import pairwise

import pytest

from nc_hf.corpus.marks import Marks
from nc_hf.corpus.tokens import Tokens
from nc_hf.corpus.writers import BegunBlocks, Sequence
from nc_hf.errors import InputError

BOS, EOS = 1, 2


def pieces(documents: list[list[int]], rng: random.Random) -> Iterator[Tokens]:
    """Documents in pieces of any length."""
    for number, ids in enumerate(documents):
        cuts = sorted({0, len(ids), *rng.choices(range(1, len(ids) + 1), k=rng.randrange(4))})
        for begin, end in pairwise(cuts):
            yield Tokens(number, ids[begin:end], begin == 0, end == len(ids))


def drawn(rng: random.Random, longest: int) -> list[list[int]]:
    return [[rng.randrange(10, 99) for _ in range(rng.randint(1, longest))] for _ in range(40)]


@pytest.mark.parametrize("end", [(), (EOS,)])
@pytest.mark.parametrize("size", [2, 3, 5, 16])
@pytest.mark.parametrize("seed", range(4))
def test_each_token_is_to_be_predicted_once_from_its_own_document(size: int, seed: int, end: tuple[int, ...]) -> None:
    rng = random.Random(seed)
    documents = drawn(rng, 50 if seed % 2 else 9)
    writer = BegunBlocks(size, Marks((BOS,), end))
    writer.add(pieces(documents, rng))
    ids, owners, context = writer.blocks()
    context = [0] * len(ids) if context is None else context.tolist()
    found: list[tuple[int, int]] = []
    for row, belongs, only_read in zip(ids.tolist(), owners.tolist(), context, strict=True):
        assert row[0] == BOS
        begin = 0
        for at, (token, document) in enumerate(zip(row, belongs, strict=True)):
            if token == BOS:
                begin = at
                continue
            whole = [*documents[document], *end]
            place = sum(owner == document for _, owner in found)  # of the next of its document to be predicted
            seen = row[begin + 1 : at]
            if at < only_read:
                continue
            assert whole[place] == token
            assert whole[place - len(seen) : place] == seen
            assert not begin or place == len(seen), "a document that begins within a block begins at its beginning"
            found.append((token, document))
        assert only_read <= max(1, size // 2)
    complete = [(token, number) for number, document in enumerate(documents) for token in (*document, *end)]
    assert found == complete[: len(found)]
    assert len(complete) - len(found) < size
    assert writer.labels == len(found)
    assert writer.tokens == len(complete) + len(documents)


@pytest.mark.parametrize("cut_every", [None, 7])
@pytest.mark.parametrize("between", [None, EOS])
def test_a_sequence_is_that_of_all_documents(between: int | None, cut_every: int | None) -> None:
    rng = random.Random(3)
    documents, marks, size = drawn(rng, 9), Marks((BOS,), (EOS,)), 6
    writer = Sequence(size, marks, between, cut_every)
    stream = list(pieces(documents, rng))
    for begin in range(0, len(stream), 5):
        writer.add(stream[begin : begin + 5])
    expected: list[int] = []
    for start in range(0, len(documents), cut_every or len(documents)):
        joined: list[int] = []
        for number, document in enumerate(documents[start : start + (cut_every or len(documents))], start):
            joined += [between] if between is not None and number > start else []
            joined += [BOS, *document, EOS]
        expected += joined[: len(joined) // size * size]
    ids, _, context = writer.blocks()
    assert ids.flatten().tolist() == expected
    assert context is None
    assert writer.labels == len(ids) * (size - 1)


def test_a_block_must_have_room_for_more_than_its_mark() -> None:
    with pytest.raises(InputError, match="no more than the mark"):
        BegunBlocks(2, Marks((BOS, 5)))
