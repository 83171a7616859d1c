"""Text through a tokenizer, here: what it raises becomes one sentence."""

from __future__ import annotations

from typing import Any

import pytest
from transformers import PreTrainedTokenizerFast

from nc_hf.corpus.stories import END_OF_TEXT, train_tokenizer
from nc_hf.errors import CorpusError, TokenizerError
from nc_hf.hub.plain_encoding import decoded_here, encoded_alone_here, encoded_here
from tests.letters import letters


class PanicException(BaseException):
    """As Rust's are called in Python."""


@pytest.fixture
def byte_pairs() -> Any:
    return train_tokenizer(["Once upon a time there was a time to be upon"] * 3, 280)


def test_ids_are_those_of_the_tokenizer() -> None:
    tokenizer = letters(bos_first=True)
    assert encoded_here(tokenizer, ["a b", "", "c"]) == [
        tokenizer(text, add_special_tokens=False)["input_ids"] for text in ("a b", "", "c")
    ]
    assert encoded_alone_here(tokenizer, "a", True) == tokenizer("a")["input_ids"]
    assert decoded_here(tokenizer, [2, 3]) == "a b"


TEXTS = ["", "Once upon a time.<|endoftext|> Then", " \n two  blanks", "Zo\u00eb \u2603 \U0001f600", "a" * 3000]


def test_ids_are_those_of_a_call_whatever_was_asked_before(byte_pairs: Any) -> None:
    called = [byte_pairs(text, add_special_tokens=False)["input_ids"] for text in TEXTS]
    assert encoded_here(byte_pairs, TEXTS) == called
    byte_pairs(TEXTS, padding="max_length", truncation=True, max_length=4)
    assert encoded_here(byte_pairs, TEXTS) == called


def test_special_tokens_that_are_to_be_split_are(byte_pairs: Any) -> None:
    whole = encoded_here(byte_pairs, [END_OF_TEXT])
    byte_pairs.split_special_tokens = True
    parts = encoded_here(byte_pairs, [END_OF_TEXT])
    assert whole == [[0]]
    assert parts == [byte_pairs(END_OF_TEXT, add_special_tokens=False)["input_ids"]] != whole
    byte_pairs.split_special_tokens = False
    assert encoded_here(byte_pairs, [END_OF_TEXT]) == whole


@pytest.mark.parametrize("method", ["__call__", "_encode_plus"])
def test_a_kind_that_does_something_to_texts_does_it(byte_pairs: Any, method: str) -> None:
    def shouting(self: Any, text: list[str], *arguments: Any, **named: Any) -> Any:
        return getattr(PreTrainedTokenizerFast, method)(self, [each.upper() for each in text], *arguments, **named)

    kind = type("Shouting", (PreTrainedTokenizerFast,), {method: shouting})
    shouts = kind(tokenizer_object=byte_pairs.backend_tokenizer)
    assert encoded_here(shouts, ["a time"]) == encoded_here(byte_pairs, ["A TIME"])


@pytest.mark.parametrize("text", [None, 3, "\ud800"])
def test_what_is_no_text_is_said(text: Any) -> None:
    with pytest.raises(CorpusError, match="not Unicode text"):
        encoded_here(letters(), ["a", text])


def test_a_panic_is_one_sentence_and_any_other_stop_goes_on() -> None:
    for raised, expected in ((PanicException, TokenizerError), (KeyboardInterrupt, KeyboardInterrupt)):

        def stop(*_: object, raised: type[BaseException] = raised, **__: object) -> None:
            raise raised

        with pytest.raises(expected):
            encoded_here(stop, ["a"])
