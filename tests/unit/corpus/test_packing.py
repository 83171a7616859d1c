"""Packing texts: where documents begin and end, what is left out, and how much is read."""

from __future__ import annotations

from itertools import chain, count, islice, repeat

import pytest
import torch
from transformers import ByT5Tokenizer, PreTrainedTokenizerFast

import nc_hf.corpus.tokens
from nc_hf.corpus.packing import PAPER_GROUP, pack_texts
from nc_hf.corpus.tokens import tokenizer_hash
from nc_hf.errors import CorpusError, InputError, TokenizerError
from tests.letters import BOS, EOT, letters, owners, tokens


def test_one_end_of_text_stands_between_documents_and_the_tail_is_dropped() -> None:
    blocks = pack_texts(["a b c", "d", "e f g h"], letters(), 4)
    assert blocks.input_ids.tolist() == [[2, 3, 4, EOT], [5, EOT, 6, 7]]  # and not g, h
    assert blocks.document_ids.tolist() == [[0, 0, 0, 0], [1, 1, 2, 2]]
    assert (len(blocks), blocks.block_size, blocks.num_labels, blocks.num_documents) == (2, 4, 6, 3)
    assert blocks.eot_id == EOT
    assert blocks.input_ids.dtype == blocks.document_ids.dtype == torch.int32
    assert blocks[0]["input_ids"].dtype == torch.int64


def test_no_end_of_text_follows_the_last_document() -> None:
    with pytest.raises(CorpusError, match="has 3 tokens, less than one block of 4"):
        pack_texts(["a b c"], letters(), 4)
    assert tokens(pack_texts(["a b c d"], letters(), 4)) == [2, 3, 4, 5]


def test_a_tokenizer_that_brackets_documents_gets_no_second_mark() -> None:
    blocks = pack_texts(["a b", "c"], letters(bos_first=True), 5)
    assert tokens(blocks) == [BOS, 2, 3, BOS, 4]
    assert owners(blocks) == [0, 0, 0, 1, 1]
    assert blocks.eot_id is None


def test_a_tokenizer_written_in_python_packs_too() -> None:
    blocks = pack_texts(["hi", "you"], ByT5Tokenizer(), 7)
    assert tokens(blocks) == [107, 108, 1, 124, 114, 120, 1]  # bytes + 3, each document ended by </s>
    assert blocks.tokenizer_hash == tokenizer_hash(ByT5Tokenizer()) != tokenizer_hash(ByT5Tokenizer(extra_ids=3))


def test_a_tokenizer_without_any_mark_is_refused_for_documents_alone() -> None:
    with pytest.raises(TokenizerError, match=r"set tokenizer\.eos_token"):
        pack_texts(["a b c"], letters(eos=False), 2)
    assert tokens(pack_texts(["a b c"], letters(eos=False), 2, packing="paper")) == [2, 3]


def test_texts_without_words_are_no_documents_but_keep_their_number() -> None:
    blocks = pack_texts(["a", "", " \n ", "b c"], letters(), 4)
    assert tokens(blocks) == [2, EOT, 3, 4]
    assert owners(blocks) == [0, 0, 3, 3]
    bracketed = pack_texts(["a", "", "b"], letters(bos_first=True), 4)
    assert tokens(bracketed) == [BOS, 2, BOS, 3]


@pytest.mark.slow
def test_documents_run_on_over_every_batch_of_tokenisation() -> None:
    texts = [" ".join("abcdefghij"[: 1 + number % 7]) for number in range(1000)]
    expected = list(chain.from_iterable([*(ord(c) - 95 for c in text.split()), EOT] for text in texts))[:-1]
    blocks = pack_texts(texts, letters(), 16)
    whole = len(expected) // 16 * 16
    assert tokens(blocks) == expected[:whole]
    starts = [at for at in range(1, whole) if owners(blocks)[at] != owners(blocks)[at - 1]]
    assert starts == [at + 1 for at in range(whole - 1) if expected[at] == EOT]


def test_paper_packing_is_that_of_a_map_over_batches_of_1000() -> None:
    """Held against the study's recipe: ``datasets`` groups 1,000 tokenised texts, joins them and cuts off the rest."""
    from datasets import Dataset

    texts = [" ".join("abcdefghij"[: number % 8]) for number in range(2 * PAPER_GROUP + 700)]  # some are empty
    tokenizer, size = letters(), 64

    def cut(batch: dict[str, list[list[int]]]) -> dict[str, list[list[int]]]:
        joined = list(chain.from_iterable(batch["input_ids"]))
        return {"input_ids": [joined[at : at + size] for at in range(0, len(joined) - size + 1, size)]}

    tokenised = Dataset.from_dict({"input_ids": tokenizer(texts)["input_ids"]})
    expected = tokenised.map(cut, batched=True)["input_ids"]
    blocks = pack_texts(texts, tokenizer, size, packing="paper")
    assert blocks.input_ids.tolist() == list(expected)
    assert EOT not in tokens(blocks)
    lengths = [len(text.split()) for text in texts]
    remainder = sum(lengths[:PAPER_GROUP]) % size
    assert remainder, "the first group must have a remainder, or the test shows nothing"
    owner_of = list(chain.from_iterable(repeat(number, length) for number, length in enumerate(lengths)))
    first = sum(lengths[:PAPER_GROUP]) // size * size
    assert owners(blocks)[:first] == owner_of[:first]
    assert owners(blocks)[first] == next(n for n in range(PAPER_GROUP, len(texts)) if lengths[n])


@pytest.mark.parametrize(("max_tokens", "blocks"), [(1, 1), (3, 1), (5, 1), (6, 2), (8, 2), (9, 3), (10**12, 25)])
@pytest.mark.parametrize("packing", ["documents", "paper"])
def test_max_tokens_bounds_labelled_positions_and_gives_one_block_at_least(
    max_tokens: int, blocks: int, packing: str
) -> None:
    text = " ".join("abcdefghij" * 10)
    packed = pack_texts([text], letters(), 4, packing=packing, max_tokens=max_tokens)
    assert len(packed) == blocks
    assert packed.num_labels <= max(max_tokens, 3)
    assert packed.input_ids.is_contiguous()


def test_texts_are_read_only_as_far_as_needed() -> None:
    asked = []

    def endless():
        for number in range(10**9):
            asked.append(number)
            yield "a b c d e"

    assert len(pack_texts(endless(), letters(), 10, max_tokens=90)) == 10
    assert len(asked) <= 256


@pytest.mark.parametrize("packing", ["documents", "paper"])
def test_what_holds_the_budget_exactly_is_enough(packing: str) -> None:
    def asked_for(max_tokens: int) -> int:
        texts = count()
        pack_texts(("a b c d" for _ in texts), letters(), 4, packing=packing, max_tokens=max_tokens)
        return next(texts)

    group = asked_for(1)
    held = pack_texts(["a b c d"] * group, letters(), 4, packing=packing).num_labels
    assert [asked_for(held), asked_for(held + 1)] == [group, 2 * group]


def test_a_text_that_spells_a_special_token_moves_no_boundary() -> None:
    blocks = pack_texts(["a <eot> b", "c d"], letters(), 6)
    assert tokens(blocks) == [2, EOT, 3, EOT, 4, 5]
    assert owners(blocks) == [0, 0, 0, 0, 1, 1]


def test_long_texts_are_neither_truncated_nor_padded() -> None:
    tokenizer = letters()
    tokenizer.model_max_length = 3
    tokenizer(["a b c d", "a"], truncation=True, padding=False, max_length=2)
    assert tokens(pack_texts(["a b c d e f g h", "i"], tokenizer, 5)) == [2, 3, 4, 5, 6, 7, 8, 9, EOT, 10]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"block_size": 1}, "block_size of 2 or more"),
        ({"block_size": -5}, "block_size of 2 or more"),
        ({"packing": "tight"}, "documents or paper"),
        ({"max_tokens": 0}, "positive number"),
        ({"max_tokens": -1}, "positive number"),
    ],
)
def test_arguments_that_cannot_be_meant_are_refused_before_any_text_is_read(changes, message) -> None:
    def texts():
        raise AssertionError("read")
        yield ""

    with pytest.raises(InputError, match=message):
        pack_texts(texts(), letters(), **{"block_size": 4, **changes})


@pytest.mark.parametrize("packing", ["documents", "paper"])
@pytest.mark.parametrize("texts", [[], [""], ["", "  \n"]])
def test_an_empty_corpus_is_refused(packing: str, texts: list[str]) -> None:
    with pytest.raises(CorpusError, match=r"'mine' \(train\) has no text"):
        pack_texts(texts, letters(), 4, packing=packing, source="mine", split="train")


def test_groups_that_fill_no_block_are_refused() -> None:
    with pytest.raises(CorpusError, match=r"No group of 1,000 texts .* smaller block_size"):
        pack_texts(islice(repeat("a"), 3000), letters(), 1001, packing="paper")


@pytest.mark.parametrize("bad", [None, 3, "\ud800"])
def test_what_is_not_text_is_refused(bad) -> None:
    with pytest.raises(CorpusError, match="not Unicode text"):
        pack_texts(["a b", bad], letters(), 2)


def test_packing_tells_of_every_group_and_can_be_called_off() -> None:
    counts: list[int] = []
    pack_texts(repeat("a b c", 600), letters(), 4, progress=counts.append)
    assert len(counts) == 3
    assert sum(counts) == 600 * 3 + 599

    def call_off(count: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pack_texts(repeat("a b c"), letters(), 4, progress=call_off)


def test_a_document_that_is_cut_goes_on_after_its_mark_and_what_came_before() -> None:
    blocks = pack_texts(["a b", "c d e f g h i", "j a"], letters(bos_first=True), 6)
    assert blocks.input_ids.tolist() == [[BOS, 2, 3, BOS, 4, 5], [BOS, 4, 5, 6, 7, 8], [BOS, 7, 8, 9, 10, BOS]]
    assert blocks.context is not None
    assert blocks.context.tolist() == [0, 3, 3]
    assert blocks.marks.begin == (BOS,)
    assert blocks.eot_id is None


def test_max_tokens_counts_what_is_to_be_predicted() -> None:
    texts = ["a b", "c d e f g h i", "j a"]
    for most, kept in ((1, 1), (4, 1), (6, 1), (7, 2), (8, 2), (9, 3)):
        assert len(pack_texts(texts, letters(bos_first=True), 6, max_tokens=most)) == kept


@pytest.mark.parametrize("kind", [{"bos_first": True}, {"eos_last": True}, {"bos_first": True, "eos_last": True}])
def test_paper_packing_takes_texts_as_the_tokenizer_gives_them(kind: dict[str, bool]) -> None:
    texts = ["a b c", "", "d <eot> e", "f g h i"]
    expected = list(chain.from_iterable(letters(**kind)(texts)["input_ids"]))
    blocks = pack_texts(texts, letters(**kind), 3, packing="paper")
    assert tokens(blocks) == expected[: len(expected) // 3 * 3]
    assert blocks.num_labels == 2 * len(blocks)
    assert blocks.marks.begin == blocks.marks.end == ()


def test_of_a_long_text_no_more_is_tokenized_than_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    tokenized, real = [], nc_hf.corpus.tokens.token_ids

    def counting(texts: list[str], tokenizer: PreTrainedTokenizerFast) -> list[list[int]]:
        tokenized.append(sum(map(len, texts)))
        return real(texts, tokenizer)

    monkeypatch.setattr(nc_hf.corpus.tokens, "token_ids", counting)
    text = "a b c d e f g h i j " * 400_000  # eight million characters
    assert pack_texts([text], letters(), 64, max_tokens=5_000).num_labels == 79 * 63
    assert sum(tokenized) < 400_000
