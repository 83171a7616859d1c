"""The callback's own pass: read once, the same text at each pass."""

from __future__ import annotations

from itertools import islice
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from nc_hf.corpus.stories import stories, train_tokenizer
from nc_hf.errors import CorpusError
from nc_hf.measurement.options import PASS_OPTIONS, complete
from nc_hf.training.own_pass import OwnPass
from tests.training import tiny_model, token_blocks

ARGS: Any = SimpleNamespace(eval_batch_size=4, disable_tqdm=True)
GATHERED = {"covariance": False, "agreement_tokens": 8_192}


def own(corpus: Any, **options: Any) -> OwnPass:
    return OwnPass(corpus, 2_000, complete({"agreement_tokens": 8_192, "batch_size": None, **options}, PASS_OPTIONS))


def test_blocks_are_taken_as_they_are() -> None:
    model, blocks = tiny_model(), token_blocks(20, 3)
    measured = own(blocks)
    assert measured.read(model, None) is blocks
    collection, census = measured.collect(ARGS, model, None, GATHERED)
    assert collection.tokens == blocks.num_labels
    assert census.tolist() == torch.bincount(blocks.input_ids.flatten()).tolist()


@pytest.mark.slow
def test_a_corpus_is_packed_once() -> None:
    tokenizer = train_tokenizer(islice(stories(), 200), 512)
    model, measured = tiny_model(vocab_size=512), own("builtin", block_size=32)
    blocks = measured.read(model, tokenizer)
    assert blocks.num_labels <= 2_000
    assert measured.read(model, tokenizer) is blocks


def test_a_corpus_that_is_not_there() -> None:
    with pytest.raises(CorpusError):
        own("no/such/file.txt").read(tiny_model(), None)
