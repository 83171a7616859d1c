"""The text of a study: the very same at every start, and refused when it is not."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from transformers import PreTrainedTokenizerFast

from nc_hf.corpus.stories import stories
from nc_hf.errors import CorpusError, StudyError
from nc_hf.study.grid import Study, load_study
from nc_hf.study.text import open_text
from tests.paths import RECIPES

SMOKE = RECIPES / "presets" / "smoke.yaml"


def write(corpus: Path, seed: int = 0) -> None:
    corpus.mkdir(exist_ok=True)
    for split, number in (("train", seed), ("validation", seed + 1)):
        lines = [json.dumps({"text": story}) + "\n" for story in islice(stories(number), 40)]
        (corpus / f"{split}.jsonl").write_text("".join(lines))


@pytest.fixture
def study(tmp_path: Path) -> Study:
    write(tmp_path / "corpus")
    settings = {"corpus": str(tmp_path / "corpus"), "tokenizer": "train", "vocab_size": 400, "block_size": 32}
    return load_study(SMOKE, {**settings, "max_train_tokens": 4000, "max_validation_tokens": 1000})


def test_a_tokenizer_is_trained_once_and_kept(tmp_path: Path, study: Study) -> None:
    first = open_text(study, tmp_path / "out")
    kept = (tmp_path / "out" / "tokenizer.json").read_bytes()
    again = open_text(study, tmp_path / "out")
    assert (tmp_path / "out" / "tokenizer.json").read_bytes() == kept
    assert first.vocab_size == again.vocab_size == 400
    assert first.train.fingerprint == again.train.fingerprint == open_text(study).train.fingerprint
    assert torch.equal(first.validation.input_ids, again.validation.input_ids)


def test_text_that_has_changed_is_refused(tmp_path: Path, study: Study) -> None:
    open_text(study, tmp_path / "out")
    write(tmp_path / "corpus", seed=2)
    with pytest.raises(StudyError, match="text is not the one"):
        open_text(study, tmp_path / "out")


def test_a_tokenizer_with_gaps_counts_up_to_its_last_id(tmp_path: Path, study: Study) -> None:
    vocabulary = {word: number for number, word in enumerate(("the", "a", "and", "was", "to", "."))}
    model = WordLevel(vocabulary | {"[UNK]": 30, "<eos>": 35}, unk_token="[UNK]")
    backend = Tokenizer(model)
    backend.pre_tokenizer = Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="[UNK]", eos_token="<eos>")
    tokenizer.save_pretrained(tmp_path / "gaps")
    assert open_text(replace(study, tokenizer=str(tmp_path / "gaps"))).vocab_size == 36


def test_a_text_that_is_not_divided_is_refused(tmp_path: Path, study: Study) -> None:
    stories_only = tmp_path / "stories"
    stories_only.mkdir()
    shutil.copy(tmp_path / "corpus" / "train.jsonl", stories_only / "tales.jsonl")
    for corpus in (stories_only, stories_only / "tales.jsonl", tmp_path / "corpus" / "train.jsonl"):
        with pytest.raises(StudyError, match="not validated on what it was trained on: give a folder"):
            open_text(replace(study, corpus=str(corpus)), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_tokenizer_cut_short_is_refused(tmp_path: Path, study: Study) -> None:
    open_text(study, tmp_path / "out")
    path = tmp_path / "out" / "tokenizer.json"
    path.write_text(path.read_text()[:100])
    with pytest.raises(StudyError, match="edited or cut short"):
        open_text(study, tmp_path / "out")


def test_what_is_measured_can_be_less_than_what_is_trained_on(study: Study) -> None:
    text = open_text(replace(study, measure_train_tokens=100, min_count=1))
    assert len(text.measured) == 3
    assert torch.equal(text.measured.input_ids, text.train.input_ids[:3])
    assert open_text(study).measured is not None
    assert len(open_text(study).measured) == len(open_text(study).train)


def test_a_corpus_too_small_for_a_block_is_refused(study: Study) -> None:
    with pytest.raises(CorpusError, match="less than one block"):
        open_text(replace(study, block_size=100_000, max_train_tokens=None))


@pytest.mark.parametrize("bound", ["measure_train_tokens", "max_validation_tokens"])
def test_text_without_two_classes_to_measure_is_refused_before_training(study: Study, bound: str) -> None:
    with pytest.raises(StudyError, match="smaller min_count"):
        open_text(replace(study, **{bound: 32}, min_count=20))


def test_other_blocks_than_expected_are_told(study: Study) -> None:
    with pytest.warns(UserWarning, match="not \\(1, 1\\) as expected"):
        open_text(replace(study, expected_blocks=(1, 1)))
