"""Text through a tokenizer, here: what it raises becomes one sentence."""

from __future__ import annotations

from typing import Any

import pytest

from nc_hf.errors import CorpusError, TokenizerError
from nc_hf.hub.plain_encoding import decoded_here, encoded_alone_here, encoded_here
from tests.letters import letters


class PanicException(BaseException):
    """As Rust's are called in Python."""


def test_ids_are_those_of_the_tokenizer() -> None:
    tokenizer = letters(bos_first=True)
    assert encoded_here(tokenizer, ["a b", "", "c"]) == [
        tokenizer(text, add_special_tokens=False)["input_ids"] for text in ("a b", "", "c")
    ]
    assert encoded_alone_here(tokenizer, "a", True) == tokenizer("a")["input_ids"]
    assert decoded_here(tokenizer, [2, 3]) == "a b"


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
