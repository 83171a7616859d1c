"""The copy of a tokenizer in the cage: like the tokenizer as it is now, one process, and told of when it fails."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from nc_hf.errors import CorpusError, TokenizerError
from nc_hf.hub import open_tokenizer
from nc_hf.hub.tokenizer_copy import _COPIES, decoded_there, encoded_alone_there, encoded_there, spelled_there
from tests import caged
from tests.hub.helpers import is_one_sentence_with_advice, write
from tests.hub.models import VOCABULARY, tokenizer_files


@pytest.fixture
def tokenizer(tmp_path: Path) -> Any:
    return open_tokenizer(str(write(tmp_path / "it", tokenizer_files())), allow_local=True)


def pid_of(tokenizer: Any) -> int:
    pid: int = _COPIES[tokenizer].inmate.ask(caged.process_of).value
    return pid


def test_it_is_one_process_for_all_questions(tokenizer: Any) -> None:
    encoded_there(tokenizer, ["a"])
    pid = pid_of(tokenizer)
    assert encoded_alone_there(tokenizer, "a", False) == encoded_there(tokenizer, ["b", "a"])[1]
    assert spelled_there(tokenizer, 3) == decoded_there(tokenizer, [3])
    assert pid_of(tokenizer) == pid


def test_it_follows_what_is_changed_here(tokenizer: Any) -> None:
    before = encoded_there(tokenizer, ["<new>"])
    tokenizer.add_tokens(["<new>"])
    assert encoded_there(tokenizer, ["<new>"]) == [[VOCABULARY]] != before


def test_what_is_no_text_is_said_and_the_copy_lives(tokenizer: Any) -> None:
    with pytest.raises(CorpusError, match="not Unicode text"):
        encoded_there(tokenizer, ["a", None])  # type: ignore[list-item]
    assert encoded_there(tokenizer, ["a"]) != []


def test_a_token_beyond_the_vocabulary_is_no_reason_to_fail(tokenizer: Any) -> None:
    assert spelled_there(tokenizer, 5) != ""
    assert decoded_there(tokenizer, [10**6]) == ""  # as transformers has it


def test_one_that_was_killed_is_said_and_then_made_anew(tokenizer: Any) -> None:
    expected = encoded_there(tokenizer, ["a"])
    os.kill(pid_of(tokenizer), signal.SIGKILL)
    with pytest.raises(TokenizerError, match="ends the process that reads it") as caught:
        encoded_there(tokenizer, ["a"])
    assert is_one_sentence_with_advice(str(caught.value))
    assert encoded_there(tokenizer, ["a"]) == expected


def test_it_ends_with_the_tokenizer(tokenizer: Any) -> None:
    encoded_there(tokenizer, ["a"])
    pid = pid_of(tokenizer)
    _COPIES.pop(tokenizer)
    assert caged.soon(lambda: not caged.is_there(pid))
