"""Packing real stories with real tokenizers: whole, quick, and as the study did it."""

from __future__ import annotations

from itertools import chain, islice
from pathlib import Path

import pytest
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from nc_hf.corpus.blocks import TokenBlocks
from nc_hf.corpus.corpus import Corpus, open_corpus
from nc_hf.corpus.tokens import PIECE, tokenise
from nc_hf.errors import TokenizerError

EOT = 50256
TEXTS = ("wikitext2", "shakespeare", "tinystories")


@pytest.fixture(scope="module")
def gpt2(shared_data: Path) -> PreTrainedTokenizerFast:
    return AutoTokenizer.from_pretrained(shared_data / "tokenizers" / "gpt2")


@pytest.fixture(scope="module")
def train(shared_data: Path) -> Corpus:
    return open_corpus(str(shared_data / "tinystories"), "train")


@pytest.fixture(scope="module")
def packed(train: Corpus, gpt2: PreTrainedTokenizerFast) -> TokenBlocks:
    return train.pack(gpt2, 256)


def lines(file: Path) -> int:
    return file.read_bytes().count(b"\n")


def test_all_of_the_real_text_is_packed(packed: TokenBlocks, shared_data: Path) -> None:
    assert packed.input_ids.numel() > 2_400_000
    assert packed.num_documents == lines(shared_data / "tinystories" / "train.jsonl") > 10_000


def test_documents_come_back_from_the_blocks(packed: TokenBlocks, train: Corpus, gpt2) -> None:
    ids, owners = packed.input_ids.flatten(), packed.document_ids.flatten()
    for number, text in enumerate(islice(train.texts, 100)):
        document = ids[owners == number].tolist()
        assert document[-1] == EOT
        assert gpt2.decode(document[:-1]) == text
    assert int(ids.eq(EOT).sum()) == packed.num_documents - 1


@pytest.mark.slow
def test_splits_of_the_folder_are_its_files(shared_data: Path) -> None:
    folder = shared_data / "tinystories"
    from_folder = open_corpus(str(folder), "validation")
    from_file = open_corpus(str(folder / "validation.jsonl"), "train")
    assert (from_folder.split, from_file.split) == ("validation", "validation")
    assert list(from_folder.texts) == list(from_file.texts)
    assert sum(1 for _ in from_file.texts) == lines(folder / "validation.jsonl") > 1_000


@pytest.mark.slow
def test_paper_packing_is_that_of_the_study(shared_data: Path, gpt2: PreTrainedTokenizerFast) -> None:
    from datasets import load_dataset

    file = str(shared_data / "tinystories" / "validation.jsonl")
    rows = load_dataset("json", data_files=file, split="train")
    tokenised = rows.map(lambda batch: {"ids": gpt2(batch["text"])["input_ids"]}, batched=True, remove_columns=["text"])

    def cut(batch):
        joined = list(chain.from_iterable(batch["ids"]))
        return {"ids": [joined[at : at + 2048] for at in range(0, len(joined) - 2047, 2048)]}

    expected = tokenised.map(cut, batched=True)["ids"]
    blocks = open_corpus(file).pack(gpt2, 2048, packing="paper")
    assert blocks.input_ids.tolist() == list(expected)
    assert blocks.eot_id is None


def test_the_mark_that_a_llama_puts_itself_is_the_only_one(shared_data: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(shared_data / "models" / "stories260K")
    corpus = open_corpus(str(shared_data / "tinystories" / "validation.jsonl"), max_documents=40)
    blocks = corpus.pack(tokenizer, 512)
    labels = blocks.labels(slice(None))[:, 1:]
    expected = list(chain.from_iterable(ids[1:] for ids in tokenizer(list(corpus.texts))["input_ids"]))
    assert labels[labels >= 0].tolist() == expected[: blocks.num_labels]
    assert len(expected) - blocks.num_labels < 512
    assert (blocks.input_ids[:, 0] == tokenizer.bos_token_id).all()
    assert not blocks.input_ids.eq(tokenizer.eos_token_id).any()


@pytest.mark.slow
@pytest.mark.parametrize("place", ["tokenizers/gpt2", "models/stories260K"])
def test_a_long_text_in_pieces_has_the_tokens_of_the_whole(shared_data: Path, place: str) -> None:
    tokenizer = AutoTokenizer.from_pretrained(shared_data / place)
    text = "\n".join(chain.from_iterable(open_corpus(str(shared_data / name)).texts for name in TEXTS))
    pieces = list(chain.from_iterable(tokenise([(0, text)], tokenizer)))
    assert len(pieces) > len(text) // PIECE > 5
    assert (
        list(chain.from_iterable(piece.ids for piece in pieces)) == tokenizer(text, add_special_tokens=False).input_ids
    )


@pytest.mark.slow
def test_a_bare_tokenizer_file_knows_no_end_of_text_until_told(shared_data: Path) -> None:
    bare = PreTrainedTokenizerFast(tokenizer_file=str(shared_data / "tokenizers" / "gpt2" / "tokenizer.json"))
    corpus = open_corpus(str(shared_data / "tinystories"), max_documents=20)
    with pytest.raises(TokenizerError, match=r"set tokenizer\.eos_token"):
        corpus.pack(bare, 128)
    bare.eos_token = "<|endoftext|>"
    assert corpus.pack(bare, 128).eot_id == EOT
