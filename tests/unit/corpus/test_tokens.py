"""Texts to tokens: what cannot be tokenized, long texts piece by piece, and the hash of a tokenizer."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import chain

import pytest
from tokenizers import Regex, pre_tokenizers
from transformers import PreTrainedTokenizerFast

import nc_hf.corpus.tokens
from nc_hf.corpus.packing import pack_texts
from nc_hf.corpus.stories import builtin_tokenizer
from nc_hf.corpus.tokens import tokenise, tokenizer_hash
from nc_hf.errors import TokenizerError
from tests.letters import letters


@pytest.mark.slow
def test_the_tokenizer_hash_outlives_saving_truncation_and_processes(tmp_path) -> None:
    tokenizer = letters(bos_first=True)
    before = tokenizer_hash(tokenizer)
    tokenizer(["a b", "a"], truncation=True, max_length=2, padding="max_length" if tokenizer.pad_token else False)
    assert tokenizer_hash(tokenizer) == before
    tokenizer.save_pretrained(tmp_path)
    assert tokenizer_hash(PreTrainedTokenizerFast.from_pretrained(tmp_path)) == before
    program = (
        "import sys; from transformers import AutoTokenizer; from nc_hf.corpus.tokens import tokenizer_hash;"
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


def test_a_tokenizer_that_panics_is_refused() -> None:
    tokenizer = letters()
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("(x+x+)+y"), "isolated")
    with pytest.raises(TokenizerError, match="broke down on the text"):
        pack_texts(["x" * 400], tokenizer, 2)


WORDS = "a b, c d. e\nf  g\n\nh i \t j"


@pytest.mark.slow
@pytest.mark.parametrize(
    "text", [WORDS * 60, "abcdefghij" * 90, "a " * 700, "a" * 900, "a<|endoftext|>b" * 80, "\n" * 900, "né éa" * 99]
)
def test_a_text_in_pieces_has_the_tokens_of_the_whole(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nc_hf.corpus.tokens, "PIECE", 100)
    tokenizer = builtin_tokenizer(400)
    found = list(chain.from_iterable(tokenise([(7, text), (8, "b c"), (9, "")], tokenizer)))
    long = [part for part in found if part.document == 7]
    assert list(chain.from_iterable(part.ids for part in long)) == tokenizer(text)["input_ids"]
    assert [part.first for part in long] == [True, *[False] * (len(long) - 1)]
    assert [part.last for part in long] == [*[False] * (len(long) - 1), True]
    assert [(part.document, part.ids) for part in found[len(long) :]] == [(8, tokenizer("b c")["input_ids"]), (9, [])]


@pytest.mark.slow
def test_a_text_is_cut_where_it_can_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nc_hf.corpus.tokens, "PIECE", 100)
    pieces = list(chain.from_iterable(tokenise([(0, WORDS * 60)], builtin_tokenizer(400))))
    assert len(pieces) > len(WORDS) * 60 // 100
