"""Bytes and fragments of characters: counted from the tokens, held against the text that they came from."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from nc_hf.corpus.spelling import byte_count, fragment_share

TEXTS = ["Once upon a time\n\n“naïve” Zoë said 3.5 € 2", "日本語のテキスト 🙂 and\ttabs", "plain words, and no more."]


def byte_level() -> PreTrainedTokenizerFast:
    """Bytes and no merges, with a special and an added token that is none."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={letter: number for number, letter in enumerate(letters)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|end|>", unk_token="<|end|>")
    fast.add_tokens(["tabs 日"])
    return fast


def sentence_piece(byte_fallback: bool = True) -> PreTrainedTokenizerFast:
    """Letters and blanks; the rest falls back to bytes, or is unknown."""
    pieces = ["<unk>", "<s>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", *"abcdefghijklmnopqrstuvwxyzOë,."]
    vocab = {piece: number for number, piece in enumerate(pieces)}
    bpe = models.BPE(vocab=vocab, merges=[], unk_token="<unk>", byte_fallback=byte_fallback)
    tokenizer = Tokenizer(bpe)
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", unk_token="<unk>")


def counts(tokenizer: Any, text: str) -> list[tuple[int, int]]:
    return list(Counter(tokenizer(text, add_special_tokens=False)["input_ids"]).items())


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("make", [byte_level, sentence_piece])
def test_the_bytes_are_those_of_the_text(make: Any, text: str) -> None:
    assert byte_count(make(), counts(make(), text)) == len(text.encode())


def test_marks_spell_nothing() -> None:
    tokenizer = byte_level()
    assert byte_count(tokenizer, counts(tokenizer, "a<|end|>b<|end|>")) == 2


def test_bytes_that_are_not_known_are_not_guessed() -> None:
    unknowing = sentence_piece(byte_fallback=False)
    assert byte_count(unknowing, counts(unknowing, "plain words")) == 11
    assert byte_count(unknowing, counts(unknowing, "plain Wörds")) is None
    assert byte_count(sentence_piece(), [(9_999, 1)]) is None
    words = Tokenizer(models.WordLevel({"a": 0, "[UNK]": 1}, unk_token="[UNK]"))
    of_words = PreTrainedTokenizerFast(tokenizer_object=words, unk_token="[UNK]")
    assert byte_count(of_words, [(0, 3)]) is None


def test_fragments_are_bytes_of_longer_characters_and_what_is_unknown() -> None:
    for tokenizer, text, expected in (
        (byte_level(), "naive\n", 0.0),
        (byte_level(), "naïv", 2 / 5),
        (sentence_piece(), "ab\n3", 0.0),
        (sentence_piece(), "aé€", 5 / 6),
        (sentence_piece(byte_fallback=False), "aé", 1 / 2),
    ):
        assert fragment_share(tokenizer, counts(tokenizer, text)) == expected, text


def test_a_mark_that_is_also_the_unknown_token_is_no_fragment() -> None:
    tokenizer = byte_level()
    assert tokenizer.unk_token_id == tokenizer.eos_token_id
    assert fragment_share(tokenizer, counts(tokenizer, "ab<|end|>")) == 0.0
