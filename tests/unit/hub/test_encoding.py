"""A tokenizer that was read from files of others sees no text in this process; one of the program's own user does."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from nc_hf.hub import open_tokenizer
from nc_hf.hub.encoding import decoded, encoded, encoded_alone, mark_foreign, spelled
from tests.hub.helpers import write
from tests.hub.models import tokenizer_files
from tests.letters import letters


def ways(tokenizer: Any) -> list[Any]:
    """Everything that is done with a tokenizer and text."""
    ids = [3, 4, 5]
    return [
        encoded(tokenizer, ["word1 word2", "", "an odd \u2603 text"]),
        encoded_alone(tokenizer, "word1", special_tokens=True),
        decoded(tokenizer, ids),
        [spelled(tokenizer, token_id) for token_id in range(len(tokenizer))],
    ]


def test_both_say_the_same(tmp_path: Path) -> None:
    foreign = open_tokenizer(str(write(tmp_path / "it", tokenizer_files())), allow_local=True)
    own = deepcopy(foreign)
    mark_foreign(own)
    own._nc_hf_foreign = False
    assert ways(foreign) == ways(own)


@pytest.mark.slow
@pytest.mark.parametrize("copied", [False, True])
def test_a_foreign_one_is_never_called_here(tmp_path: Path, copied: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = open_tokenizer(str(write(tmp_path / "it", tokenizer_files())), allow_local=True)
    expected = ways(tokenizer)
    tokenizer = deepcopy(tokenizer) if copied else tokenizer

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("called here")

    for name in ("__call__", "decode", "_encode_plus"):
        monkeypatch.setattr(type(tokenizer), name, refuse)
    monkeypatch.setattr(type(tokenizer), "backend_tokenizer", property(refuse))
    assert ways(tokenizer) == expected


def test_one_that_was_made_here_works_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nc_hf.hub.tokenizer_copy.Inmate", None)
    assert encoded(letters(), ["ab"]) == [letters()("ab", add_special_tokens=False)["input_ids"]]
