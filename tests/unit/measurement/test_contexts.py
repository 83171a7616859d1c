"""Contexts: real places of the token, an even and reproducible choice, whole characters, one document."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import torch
from transformers import PreTrainedTokenizerFast

from nc_hf.corpus.blocks import TokenBlocks
from nc_hf.corpus.marks import Marks
from nc_hf.measurement import contexts
from nc_hf.measurement.contexts import BEFORE, contexts_of, quote
from tests.training import token_blocks


class Numbers:
    """Spells each token as its id."""

    def decode(self, token_ids: list[int], **_: Any) -> str:
        return " ".join(map(str, token_ids))


NUMBERS = Numbers()


@pytest.fixture(autouse=True)
def whole_quotes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nc_hf.corpus.vocabulary._LONGEST_QUOTE", 10_000)


def every_place(blocks: TokenBlocks, token_id: int) -> list[tuple[int, int]]:
    """Where a token is to be predicted, one by one."""
    labels = blocks.labels(slice(None)).tolist()
    return [(row, at) for row, ids in enumerate(labels) for at in range(1, len(ids)) if ids[at] == token_id]


@pytest.mark.parametrize("rows", [1, 3, 1000])
def test_they_are_what_stands_before_a_token_and_the_same_however_many_rows_are_looked_at(
    rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = token_blocks(20, seed=1, classes=12, length=50)
    whole = contexts_of(blocks, torch.arange(15), 3, NUMBERS)
    monkeypatch.setattr(contexts, "_ROWS", rows)
    assert contexts_of(blocks, torch.arange(15), 3, NUMBERS) == whole
    for token_id, found in enumerate(whole):
        places = every_place(blocks, token_id)
        assert len(found) == min(3, len(places))
        before = [blocks.input_ids[row, max(0, at - BEFORE) : at].tolist() for row, at in places]
        assert not Counter(found) - Counter(" ".join(map(str, ids)) for ids in before)


def test_which_are_chosen_depends_on_neither_the_other_tokens_nor_their_order() -> None:
    blocks = token_blocks(20, seed=1, classes=12, length=50)
    whole = contexts_of(blocks, torch.arange(12), 4, NUMBERS)
    assert contexts_of(blocks, torch.tensor([7, 2]), 4, NUMBERS) == [whole[7], whole[2]]
    assert [found[:2] for found in whole] == contexts_of(blocks, torch.arange(12), 2, NUMBERS)


def test_they_come_from_all_over_the_text() -> None:
    """Of a token that stands everywhere, each tenth of the text has about a tenth."""
    ids = torch.arange(1, 2001).view(200, 10)
    ids[:, 5] = 0
    blocks = TokenBlocks(ids, torch.zeros_like(ids), "", "documents", "made", "test", "", None)
    rows = [int(text.split()[0]) // 10 for text in contexts_of(blocks, torch.tensor([0]), 100, NUMBERS)[0]]
    assert len(set(rows)) == 100
    assert all(2 <= count <= 18 for count in Counter(row // 20 for row in rows).values())
    assert len({row // 20 for row in rows}) == 10


def test_only_labels_are_places_and_documents_that_are_read_apart_stay_apart() -> None:
    ids = torch.tensor([[9, 1, 2, 9, 3, 1]])
    apart = Marks((9,), (), None)
    blocks = TokenBlocks(ids, torch.zeros_like(ids), "", "documents", "made", "test", "", None, marks=apart)
    found = contexts_of(blocks, torch.tensor([1, 3, 9]), 5, NUMBERS)
    assert sorted(found[0]) == ["9", "9 3"]
    assert found[1:] == [["9"], []], "a mark that begins a document is never predicted"


def test_a_context_is_whole_characters_and_moves_no_cursor() -> None:
    from tokenizers import ByteLevelBPETokenizer

    bytewise = ByteLevelBPETokenizer()
    bytewise.train_from_iterator(["abc"], vocab_size=256, show_progress=False)  # a byte a token
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bytewise._tokenizer)
    blocks = token_blocks(1)
    ids = tokenizer("é“sat”\u202e\n 😀")["input_ids"]
    assert len(ids) > 15
    assert quote(ids, blocks, tokenizer) == "é“sat”\\u202e\\n 😀"
    assert quote(ids[1:-1], blocks, tokenizer) == "“sat”\\u202e\\n "
    assert quote(ids[3:-3], blocks, tokenizer) == "sat”\\u202e\\n "
