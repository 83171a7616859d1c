"""Packing: what is put between documents, what is dropped, who owns a token, and what the fingerprint sees."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import chain, islice, repeat

import pytest
import torch
from tokenizers import Regex, Tokenizer, models, pre_tokenizers, processors
from torch.utils.data import DataLoader
from transformers import ByT5Tokenizer, PreTrainedTokenizerFast

from nc_hf.corpus.blocks import PAPER_GROUP, TokenBlocks, pack_texts, tokenizer_hash
from nc_hf.errors import CorpusError, InputError, TokenizerError

EOT, BOS = 0, 1
VOCABULARY = {"<eot>": EOT, "<bos>": BOS, **{word: 2 + number for number, word in enumerate("abcdefghij")}}


def letters(*, eos: bool = True, bos_first: bool = False) -> PreTrainedTokenizerFast:
    """A tokenizer in which each letter a-j is a token, 2 to 11."""
    backend = Tokenizer(models.WordLevel(VOCABULARY, unk_token="<eot>"))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    if bos_first:
        backend.post_processor = processors.TemplateProcessing(single="<bos> $A", special_tokens=[("<bos>", BOS)])
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, bos_token="<bos>", **({"eos_token": "<eot>"} if eos else {})
    )


def tokens(blocks: TokenBlocks) -> list[int]:
    return blocks.input_ids.flatten().tolist()


def owners(blocks: TokenBlocks) -> list[int]:
    return blocks.document_ids.flatten().tolist()


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


def test_a_text_that_spells_a_special_token_moves_no_boundary() -> None:
    blocks = pack_texts(["a <eot> b", "c d"], letters(), 6)
    assert tokens(blocks) == [2, EOT, 3, EOT, 4, 5]
    assert owners(blocks) == [0, 0, 0, 0, 1, 1]


def test_long_texts_are_neither_truncated_nor_padded() -> None:
    tokenizer = letters()
    tokenizer.model_max_length = 3
    tokenizer(["a b c d", "a"], truncation=True, padding=False, max_length=2)
    assert tokens(pack_texts(["a b c d e f g h", "i"], tokenizer, 5)) == [2, 3, 4, 5, 6, 7, 8, 9, EOT, 10]


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


def test_the_tokenizer_hash_outlives_saving_truncation_and_processes(tmp_path) -> None:
    tokenizer = letters(bos_first=True)
    before = tokenizer_hash(tokenizer)
    tokenizer(["a b", "a"], truncation=True, max_length=2, padding="max_length" if tokenizer.pad_token else False)
    assert tokenizer_hash(tokenizer) == before
    tokenizer.save_pretrained(tmp_path)
    assert tokenizer_hash(PreTrainedTokenizerFast.from_pretrained(tmp_path)) == before
    program = (
        "import sys; from transformers import AutoTokenizer; from nc_hf.corpus.blocks import tokenizer_hash;"
        "print(tokenizer_hash(AutoTokenizer.from_pretrained(sys.argv[1])))"
    )
    printed = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        env={**os.environ, "PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert printed.stdout.strip() == before


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


def test_a_tokenizer_that_panics_is_refused() -> None:
    tokenizer = letters()
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("(x+x+)+y"), "isolated")
    with pytest.raises(TokenizerError, match="broke down on the text"):
        pack_texts(["x" * 400], tokenizer, 2)


def test_packing_tells_of_every_group_and_can_be_called_off() -> None:
    counts: list[int] = []
    pack_texts(repeat("a b c", 600), letters(), 4, progress=counts.append)
    assert len(counts) == 3
    assert sum(counts) == 600 * 3 + 599

    def call_off(count: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pack_texts(repeat("a b c"), letters(), 4, progress=call_off)
