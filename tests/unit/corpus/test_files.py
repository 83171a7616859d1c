"""The texts of local files and folders: splits, versions, what lies beside them, and what is not there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nc_hf.corpus.files import open_texts
from nc_hf.corpus.reading import Texts
from nc_hf.errors import CorpusError
from tests.text_files import write_texts as write

TEXTS = ["One day.\nIt rained.", "Two: “quoted” — Zoë", "Three"]


def read(path: Path, split: str = "validation", column: str = "text") -> list[str]:
    return list(Texts(open_texts(path, split, column)))


@pytest.mark.parametrize("name", ["validation", "valid", "val"])
def test_a_folder_gives_the_files_of_the_split_in_order(tmp_path: Path, name: str) -> None:
    write(tmp_path / "train-00000-of-00001.jsonl", ["t"])
    write(tmp_path / f"{name}-00001.jsonl", ["v1"])
    write(tmp_path / f"{name}-00000.txt", ["v0"])
    write(tmp_path / "extra.txt", ["x"])
    (tmp_path / "README.md").write_text("no corpus")
    assert open_texts(tmp_path, "valid").split == "validation"
    for asked in ("validation", "valid", "val"):
        assert read(tmp_path, asked) == ["v0", "v1"]
    assert read(tmp_path, "train") == ["t"]
    with pytest.raises(CorpusError, match=r"has no split 'test': choose one of train, validation"):
        open_texts(tmp_path, "test")


def test_hidden_files_do_not_count(tmp_path: Path) -> None:
    write(tmp_path / "validation.txt", ["v"])
    (tmp_path / "._validation.txt").write_bytes(b"\0\5\x16\7")
    write(tmp_path / ".train.jsonl", ["t"])
    assert read(tmp_path, "validation") == ["v"]
    with pytest.raises(CorpusError, match="choose one of validation"):
        open_texts(tmp_path, "train")


def test_the_split_may_stand_anywhere_in_a_name_but_only_as_a_word(tmp_path: Path) -> None:
    write(tmp_path / "TinyStoriesV2-GPT4-train.txt", ["t"])
    write(tmp_path / "TinyStoriesV2-GPT4-valid.txt", ["v"])
    assert read(tmp_path, "validation") == ["v"]
    assert open_texts(tmp_path / "TinyStoriesV2-GPT4-train.txt", "validation").split == "train"
    for name in ("valentine.txt", "contest.txt", "training_notes.txt", "latest.txt"):
        write(tmp_path / "plain" / name, [name])
    assert open_texts(tmp_path / "plain", "validation").split == "all"
    assert read(tmp_path / "plain") == ["contest.txt", "latest.txt", "training_notes.txt", "valentine.txt"]


@pytest.mark.parametrize("divided", [True, False])
def test_a_folder_that_datasets_saved_is_understood(tmp_path: Path, divided: bool) -> None:
    from datasets import Dataset, DatasetDict

    validation = Dataset.from_dict({"text": TEXTS, "n": [1, 2, 3]})
    saved = DatasetDict(train=Dataset.from_dict({"text": ["t"]}), validation=validation) if divided else validation
    saved.save_to_disk(tmp_path / "saved")
    texts = Texts(open_texts(tmp_path / "saved", "val"))
    assert texts.source.split == ("validation" if divided else "all")
    assert list(texts) == list(texts) == TEXTS
    assert (texts.record.files, texts.record.rows, texts.record.unit) == (1, 3, "row")
    if divided:
        with pytest.raises(CorpusError, match="no split 'test'"):
            open_texts(tmp_path / "saved", "test")


def test_a_broken_saved_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text("{}")
    with pytest.raises(CorpusError, match="not a whole saved data set"):
        open_texts(tmp_path, "train")


def test_a_missing_column_of_a_saved_folder_is_named_at_once(tmp_path: Path) -> None:
    from datasets import Dataset

    Dataset.from_dict({"story": ["a"]}).save_to_disk(tmp_path)
    with pytest.raises(CorpusError, match="its columns: story"):
        open_texts(tmp_path, "train")


def test_an_entry_of_a_saved_folder_s_objects_is_read_alone(tmp_path: Path) -> None:
    from datasets import Dataset

    Dataset.from_dict({"doc": [{"text": "a", "n": 1}, {"text": "b", "n": 2}], "n": [1, 2]}).save_to_disk(tmp_path)
    assert read(tmp_path, "train", "doc.text") == ["a", "b"]
    with pytest.raises(CorpusError, match=r"no column 'doc\.title' \(its columns: doc\.text, doc\.n, n\)"):
        open_texts(tmp_path, "train", "doc.title")


def test_what_is_not_there_or_no_text_file_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"no file or folder .*builtin, tinystories or hub:"):
        open_texts(tmp_path / "nowhere.txt", "train")
    with pytest.raises(CorpusError, match=r"no file or folder .*nowhere"):
        open_texts(tmp_path / "nowhere" / "*.txt", "train")
    for name in ("a.docx", "all.tar.gz", "a.parquet.gz", "gz"):
        (tmp_path / name).write_text("text\na\n")
        with pytest.raises(CorpusError, match=r"is none of \.txt, .*\.parquet \(the text ones .*\.bz2\): convert"):
            open_texts(tmp_path / name, "train")
    with pytest.raises(CorpusError, match=r"The folder .* has no file of text .*: name one that has"):
        open_texts(tmp_path, "train")
    with pytest.raises(CorpusError, match=r"a\.txt' has no split 'dev': leave the split out"):
        open_texts(write(tmp_path / "a.txt", TEXTS), "dev")


def test_plain_text_has_no_columns(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt.gz", TEXTS)
    assert read(path, column="text") == TEXTS
    with pytest.raises(CorpusError, match=r"is plain text and has no column 'story': leave the column out"):
        open_texts(path, "train", "story")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", TEXTS)
    path.chmod(0)
    with pytest.raises(CorpusError, match="check it and its permissions"):
        read(path)


def test_the_files_of_tinystories_are_two_versions_and_a_pattern_chooses_one(tmp_path: Path) -> None:
    for version in ("TinyStories", "TinyStoriesV2-GPT4"):
        for split in ("train", "valid"):
            write(tmp_path / f"{version}-{split}.txt", [f"{version} {split}"])
    (tmp_path / "all_data.tar.gz").write_bytes(b"archive")
    with pytest.raises(CorpusError) as refused:
        open_texts(tmp_path, "validation")
    assert str(refused.value) == (
        f"'{tmp_path}' has two versions of the split 'validation', TinyStories-valid.txt and "
        f"TinyStoriesV2-GPT4-valid.txt: name one, as in {tmp_path}/TinyStories-valid.txt, or one with its splits by a "
        f"pattern, as in {tmp_path}/TinyStories-*.txt."
    )
    assert read(tmp_path / "TinyStories-valid.txt") == ["TinyStories valid"]
    for version in ("TinyStories", "TinyStoriesV2-GPT4"):
        for split, name in {"train": "train", "validation": "valid"}.items():
            assert read(tmp_path / f"{version}-*.txt", split) == [f"{version} {name}"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("train.jsonl", "train.jsonl.gz"),
        ("train-v1.txt", "train-v2.txt"),
        ("train.jsonl", "train.txt"),
        ("train-00000-of-00002.jsonl", "train-00000-of-00003.jsonl"),
        ("train-00000.jsonl", "train-00000.txt"),
        ("old-train.txt", "train.txt"),
    ],
)
def test_two_versions_of_a_split_are_refused_but_not_where_another_is_read(
    tmp_path: Path, first: str, second: str
) -> None:
    for name in (first, second, "validation.jsonl"):
        write(tmp_path / name, [name])
    with pytest.raises(CorpusError, match=rf"two versions of the split 'train', {first} and {second}: name one"):
        open_texts(tmp_path, "train")
    assert read(tmp_path, "validation") == ["validation.jsonl"]


def test_two_kinds_of_one_file_are_versions_where_nothing_is_divided(tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt", "b.txt.gz"):
        write(tmp_path / name, [name])
    with pytest.raises(
        CorpusError, match=rf"two versions, b\.txt and b\.txt\.gz: name one, as in {tmp_path}/b\.txt\.$"
    ):
        open_texts(tmp_path, "train")
    assert read(tmp_path / "*.txt") == ["a.txt", "b.txt"]


def test_what_lies_beside_the_text_is_left_out_and_said(tmp_path: Path) -> None:
    stories = ["dragon.txt", "readmes of old.txt", "the licence.txt"]
    beside = ["LICENSE.txt", "NOTICE.txt", "README_en.txt", "requirements-dev.txt", "requirements.txt"]
    for name in stories + beside:
        write(tmp_path / name, [name])
    source = open_texts(tmp_path, "train")
    assert read(tmp_path) == stories
    assert (source.files, sorted(source.left_out)) == (3, beside)
    assert read(tmp_path / "LICENSE.txt") == ["LICENSE.txt"], "who names it means it"
    for name in stories:
        (tmp_path / name).unlink()
    with pytest.raises(CorpusError, match=r"no file of text .* but LICENSE\.txt, NOTICE\.txt"):
        open_texts(tmp_path, "train")


def test_files_of_no_split_beside_some_of_one_are_left_out_and_said(tmp_path: Path) -> None:
    for name in ("train.txt", "validation.txt", "extra.txt", "LICENSE.txt"):
        write(tmp_path / name, [name])
    source = open_texts(tmp_path, "train")
    assert (source.files, source.left_out) == (1, ("LICENSE.txt", "extra.txt"))


def test_a_folder_reads_each_file_with_the_column(tmp_path: Path) -> None:
    write(tmp_path / "a.csv.gz", ["1"], column="story")
    write(tmp_path / "b.jsonl", ["2"], column="story")
    assert read(tmp_path, column="story") == ["1", "2"]
