"""The text of a study: the very same at every start, and refused when it is not."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from itertools import islice
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from transformers import PreTrainedTokenizerFast

from nc_hf.corpus.classes import ClassRule
from nc_hf.corpus.stories import stories
from nc_hf.errors import CorpusError, StudyError
from nc_hf.study.grid import Study, texts_of
from nc_hf.study.preset import load_study
from nc_hf.study.text import StudyText, open_text

SMOKE = "smoke"


def opened(study: Study, folder: Path | None = None) -> StudyText:
    (cell,) = texts_of(study.cells).values()
    return open_text(study, cell, folder)


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


@pytest.mark.slow
def test_a_tokenizer_is_trained_once_and_kept(tmp_path: Path, study: Study) -> None:
    first = opened(study, tmp_path / "out")
    (path,) = (tmp_path / "out").rglob("tokenizer.json")
    kept = path.read_bytes()
    again = opened(study, tmp_path / "out")
    assert path.read_bytes() == kept
    assert first.vocab_size == again.vocab_size == 400
    assert first.train.fingerprint == again.train.fingerprint == opened(study).train.fingerprint
    assert torch.equal(first.validation.input_ids, again.validation.input_ids)


def test_text_that_has_changed_is_refused(tmp_path: Path, study: Study) -> None:
    opened(study, tmp_path / "out")
    write(tmp_path / "corpus", seed=2)
    with pytest.raises(StudyError, match="text is not the one"):
        opened(study, tmp_path / "out")


def word_tokenizer(folder: Path) -> Path:
    """A tokenizer of six words, with the ids 0 to 5, that skips ids."""
    vocabulary = {word: number for number, word in enumerate(("the", "a", "and", "was", "to", "."))}
    model = WordLevel(vocabulary | {"[UNK]": 30, "<eos>": 35}, unk_token="[UNK]")
    backend = Tokenizer(model)
    backend.pre_tokenizer = Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="[UNK]", eos_token="<eos>")
    tokenizer.save_pretrained(folder)
    return folder


def test_a_tokenizer_with_gaps_counts_up_to_its_last_id(tmp_path: Path, study: Study) -> None:
    assert opened(study.changed(tokenizer=str(word_tokenizer(tmp_path / "gaps")))).vocab_size == 36


def test_a_text_that_is_not_divided_is_refused(tmp_path: Path, study: Study) -> None:
    stories_only = tmp_path / "stories"
    stories_only.mkdir()
    shutil.copy(tmp_path / "corpus" / "train.jsonl", stories_only / "tales.jsonl")
    for corpus in (stories_only, stories_only / "tales.jsonl", tmp_path / "corpus" / "train.jsonl"):
        with pytest.raises(StudyError, match="not validated on what it was trained on: give a folder"):
            opened(study.changed(corpus=str(corpus)), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_tokenizer_cut_short_is_refused(tmp_path: Path, study: Study) -> None:
    opened(study, tmp_path / "out")
    (path,) = (tmp_path / "out").rglob("tokenizer.json")
    path.write_text(path.read_text()[:100])
    with pytest.raises(StudyError, match="edited or cut short"):
        opened(study, tmp_path / "out")


@pytest.mark.slow
def test_what_is_measured_can_be_less_than_what_is_trained_on(study: Study) -> None:
    text = opened(study.changed(measure_train_tokens=100))
    assert len(text.measured) == 3
    assert torch.equal(text.measured.input_ids, text.train.input_ids[:3])
    assert opened(study).measured is not None
    assert len(opened(study).measured) == len(opened(study).train)


def test_a_corpus_too_small_for_a_block_is_refused(study: Study) -> None:
    with pytest.raises(CorpusError, match="less than one block"):
        opened(study.changed(block_size=100_000, max_train_tokens=None))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("bound", "role", "split"),
    [("measure_train_tokens", "measured", "train"), ("max_validation_tokens", "validation", "validation")],
)
def test_text_without_two_classes_to_measure_is_refused_before_training(
    study: Study, bound: str, role: str, split: str
) -> None:
    study = study.changed(**{bound: 32})
    ((first, *rest),) = getattr(opened(study), role).input_ids.tolist()
    often = [token for token, count in Counter(rest).items() if count > 1]
    once = [token for token, count in Counter([first, *rest]).items() if count == 1]
    assert opened(study.changed(classes=tuple(often[:2]))).classes.ids is not None
    for classes, usable in (((often[0], *once), 1), (tuple(once), 0)):
        with pytest.raises(StudyError) as caught:
            opened(study.changed(classes=classes))
        assert str(caught.value) == (
            f"{usable} of the next tokens that count come up twice in the {split} text of {study.cells[0].corpus} to "
            "measure on, and collapse takes two: give more text or other classes."
        )


@pytest.mark.slow
def test_a_token_that_begins_a_block_is_not_predicted_there(tmp_path: Path, study: Study) -> None:
    words = ["the", "the", *("a", "was", "to") * 10]  # 32 in a block, of which nothing predicts the first
    for split in ("train", "validation"):
        lines = [json.dumps({"text": " ".join(words * 4)}) + "\n"]
        (tmp_path / "corpus" / f"{split}.jsonl").write_text("".join(lines))
    study = study.changed(tokenizer=str(word_tokenizer(tmp_path / "words")), measure_train_tokens=32)
    assert opened(study.changed(classes=(1, 3))).measured.input_ids[0, :2].tolist() == [0, 0]
    with pytest.raises(StudyError, match="1 of the next tokens that count come up twice in the train text"):
        opened(study.changed(classes=(0, 1)))


@pytest.mark.slow
def test_classes_are_chosen_by_the_whole_training_text(tmp_path: Path, study: Study) -> None:
    tokens = opened(study).train.input_ids.flatten().tolist()
    times = Counter(tokens)
    order = sorted(times, key=lambda token: (-times[token], token))
    path = tmp_path / "ids.txt"
    some = sorted(order[5:8])
    path.write_text("".join(f"{token}\n" for token in reversed(some)))
    wanted: dict[ClassRule, list[int]] = {
        0.01: [token for token in sorted(times) if times[token] >= 0.01 * len(tokens)],
        "top:30": sorted(order[:30]),
        tuple(reversed(some)): some,
        str(path): some,
    }
    for rule, ids in wanted.items():
        bounds: tuple[dict[str, int], ...] = ({}, {"measure_train_tokens": 700}, {"max_validation_tokens": 500})
        found = [opened(study.changed(classes=rule, **bound)).classes for bound in bounds]
        assert [choice.ids.tolist() for choice in found if choice.ids is not None] == [ids] * 3
        assert len({choice.hash for choice in found}) == 1
    every = opened(study.changed(classes="all")).classes
    assert (every.ids, every.hash) == (None, "all")


def test_a_share_is_one_of_the_training_text(study: Study) -> None:
    text = opened(study.changed(classes=0.01))
    times = Counter(text.train.input_ids.flatten().tolist())
    assert text.classes.ids is not None
    assert text.classes.ids.tolist() == [token for token in sorted(times) if times[token] >= 0.01 * times.total()]
    assert text.classes.census == times.total()


@pytest.mark.slow
def test_a_second_corpus_is_cut_as_the_others_and_has_to_have_the_classes(tmp_path: Path, study: Study) -> None:
    write(tmp_path / "elsewhere", seed=7)
    second = study.changed(measure_also=str(tmp_path / "elsewhere"))
    text = opened(second, tmp_path / "out")
    assert opened(study).other is None
    assert text.other is not None
    assert (text.other.source, text.other.split) == (str(tmp_path / "elsewhere"), "validation")
    assert text.other.tokenizer_hash == text.train.tokenizer_hash
    assert text.other.num_labels == 992  # 1,000 at the most, as of the validation text
    assert text.train.fingerprint == opened(study).train.fingerprint
    assert opened(second, tmp_path / "out").other.fingerprint == text.other.fingerprint
    write(tmp_path / "elsewhere", seed=9)
    with pytest.raises(StudyError, match="text is not the one"):
        opened(second, tmp_path / "out")
    (tmp_path / "elsewhere" / "validation.jsonl").write_text(json.dumps({"text": "0123456789" * 40}) + "\n")
    with pytest.raises(StudyError, match=rf"0 of the next tokens .* validation text of {tmp_path}/elsewhere to"):
        opened(second)


@pytest.mark.slow
def test_a_corpus_that_is_not_divided_is_validated_on_another(tmp_path: Path, study: Study) -> None:
    write(tmp_path / "elsewhere", seed=7)
    study = study.changed(tokenizer="builtin")
    mixed = opened(
        study.changed(corpus=str(tmp_path / "corpus" / "train.jsonl"), validation_corpus=str(tmp_path / "elsewhere"))
    )
    own, elsewhere = opened(study), opened(study.changed(corpus=str(tmp_path / "elsewhere")))
    assert mixed.train.fingerprint == own.train.fingerprint
    assert mixed.validation.fingerprint == elsewhere.validation.fingerprint != own.validation.fingerprint
    assert mixed.classes.hash == own.classes.hash


def test_other_blocks_than_expected_are_told(study: Study) -> None:
    with pytest.warns(UserWarning, match="not \\(1, 1\\) as expected"):
        opened(study.changed(expected_blocks=(1, 1)))
