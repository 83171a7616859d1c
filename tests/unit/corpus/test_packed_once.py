"""A corpus that several models read is packed, and told of, once."""

from __future__ import annotations

import logging
from itertools import islice
from pathlib import Path

import pytest

from nc_hf.corpus.corpus import Corpus, open_corpus
from nc_hf.corpus.packed_once import PackedOnce
from nc_hf.corpus.stories import builtin_tokenizer, stories


@pytest.mark.slow
def test_what_was_sampled_once_is_not_sampled_again() -> None:
    tokenizer, corpus = builtin_tokenizer(400), Corpus("some", "all", list(islice(stories(0), 60)))
    once = PackedOnce.of(corpus)
    parts = [once.sample(tokenizer, 64, max_tokens=budget, seed=seed) for budget in (100, 900) for seed in (0, 1)]
    assert len({part.fingerprint for part in parts}) == 4
    assert once.sample(tokenizer, 64, max_tokens=900, seed=1) is parts[3]
    for part, seed in zip(parts[2:], (0, 1), strict=True):
        assert part.fingerprint == corpus.sample(tokenizer, 64, max_tokens=900, seed=seed).fingerprint


@pytest.mark.slow
def test_another_tokenizer_has_blocks_of_its_own() -> None:
    once = PackedOnce.of(Corpus("some", "all", list(islice(stories(0), 20))))
    assert len(once.sample(builtin_tokenizer(300), 16)) > len(once.sample(builtin_tokenizer(2000), 16))


@pytest.mark.slow
def test_it_is_told_once_what_was_read(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "part.txt").write_text(" ".join(islice(stories(0), 3)))
    (tmp_path / "LICENSE.txt").write_text("Free.")
    once, tokenizer = PackedOnce.of(open_corpus(str(tmp_path))), builtin_tokenizer(300)
    with caplog.at_level(logging.INFO, logger="nc_hf.corpus"):
        assert once.sample(tokenizer, 8) is once.sample(tokenizer, 8)
    assert [each.levelname for each in caplog.records] == ["WARNING"]
    assert caplog.messages[0].endswith("left out LICENSE.txt")
