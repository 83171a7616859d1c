"""Documents out of files: every kind, folders with splits, and everything that can be wrong with them."""

from __future__ import annotations

import json
import os
import tracemalloc
from pathlib import Path

import pytest

from nc_hf.corpus.files import choose_split, open_texts
from nc_hf.errors import CorpusError

TEXTS = ["One day.\nIt rained.", "Two: “quoted” — Zoë", "Three"]


def read(path: Path, split: str = "validation") -> list[str]:
    return list(open_texts(path, split)[1]())


def write(path: Path, texts: list[str], column: str = "text") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [{"id": number, column: text} for number, text in enumerate(texts)]
    if path.suffix == ".txt":
        path.write_text("\n<|endoftext|>\n".join(texts), encoding="utf-8")
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    elif path.suffix == ".json":
        path.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    else:
        from datasets import Dataset

        Dataset.from_list(rows).to_parquet(str(path))
    return path


@pytest.mark.parametrize("suffix", ["txt", "jsonl", "json", "parquet"])
def test_each_kind_of_file_gives_its_documents_each_time(tmp_path: Path, suffix: str) -> None:
    split, begin = open_texts(write(tmp_path / f"stories.{suffix}", TEXTS), "train")
    assert split == "all"
    assert list(begin()) == list(begin()) == TEXTS


def test_suffixes_may_be_capitals_and_json_may_have_a_row_a_line(tmp_path: Path) -> None:
    (tmp_path / "a.JSON").write_text('\n{"text": "a"}\n\n{"text": "b"}\n')
    assert read(tmp_path / "a.JSON") == ["a", "b"]


def test_a_txt_file_without_marks_is_one_document(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("\ufeffOnce\r\nupon a time.\n\n".encode())
    assert read(tmp_path / "a.txt") == ["Once\nupon a time."]


def test_marks_may_stand_anywhere_and_empty_stories_are_none(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("<|endoftext|>a<|endoftext|><|endoftext|> b\nc <|endoftext|>\n \n<|endoftext|>d")
    assert read(tmp_path / "a.txt") == ["a", "b\nc", "d"]


def test_rows_without_words_are_kept_for_they_count_in_a_group_of_the_paper(tmp_path: Path) -> None:
    assert read(write(tmp_path / "a.jsonl", ["a", "", "b"])) == ["a", "", "b"]


def test_a_large_txt_file_is_never_held_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text(("word " * 200 + "\n<|endoftext|>\n") * 20_000)
    assert path.stat().st_size > 20_000_000
    tracemalloc.start()
    assert sum(1 for _ in open_texts(path, "train")[1]()) == 20_000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2_000_000


@pytest.mark.parametrize("name", ["validation", "valid", "val"])
def test_a_folder_gives_the_files_of_the_split_in_order(tmp_path: Path, name: str) -> None:
    write(tmp_path / "train-00000-of-00001.jsonl", ["t"])
    write(tmp_path / f"{name}-00001.jsonl", ["v1"])
    write(tmp_path / f"{name}-00000.txt", ["v0"])
    write(tmp_path / "extra.txt", ["x"])
    (tmp_path / "README.md").write_text("no corpus")
    assert open_texts(tmp_path, "valid")[0] == "validation"
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
    assert open_texts(tmp_path / "TinyStoriesV2-GPT4-train.txt", "validation")[0] == "train"
    for name in ("valentine.txt", "contest.txt", "training_notes.txt", "latest.txt"):
        write(tmp_path / "plain" / name, [name])
    split, begin = open_texts(tmp_path / "plain", "validation")
    assert split == "all"
    assert list(begin()) == ["contest.txt", "latest.txt", "training_notes.txt", "valentine.txt"]


@pytest.mark.parametrize("divided", [True, False])
def test_a_folder_that_datasets_saved_is_understood(tmp_path: Path, divided: bool) -> None:
    from datasets import Dataset, DatasetDict

    validation = Dataset.from_dict({"text": TEXTS, "n": [1, 2, 3]})
    saved = DatasetDict(train=Dataset.from_dict({"text": ["t"]}), validation=validation) if divided else validation
    saved.save_to_disk(tmp_path / "saved")
    split, begin = open_texts(tmp_path / "saved", "val")
    assert split == ("validation" if divided else "all")
    assert list(begin()) == list(begin()) == TEXTS
    if divided:
        with pytest.raises(CorpusError, match="no split 'test'"):
            open_texts(tmp_path / "saved", "test")


def test_a_broken_saved_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text("{}")
    with pytest.raises(CorpusError, match="not a whole saved data set"):
        open_texts(tmp_path, "train")


@pytest.mark.parametrize("suffix", ["jsonl", "json", "parquet"])
def test_a_missing_column_is_named_with_those_that_are_there(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"a.{suffix}", TEXTS, column="story")
    with pytest.raises(CorpusError, match=r"no column 'text' \(its columns: id, story\): .* renaming it to 'text'\.$"):
        read(path)


def test_a_missing_column_of_a_saved_folder_is_named_at_once(tmp_path: Path) -> None:
    from datasets import Dataset

    Dataset.from_dict({"story": ["a"]}).save_to_disk(tmp_path)
    with pytest.raises(CorpusError, match="its columns: story"):
        open_texts(tmp_path, "train")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", b'{"text": "a"}\n{"text": \n', "Line 2 of .* is not JSON"),
        ("a.jsonl", b'{"text": "a"}\n["b"]\n', "Line 2 of .* is not an object"),
        ("a.jsonl", b'{"text": 3}\n', "Line 1 of .* has no text in the column 'text'"),
        ("a.jsonl", b'{"text": null}\n', "has no text in the column"),
        ("a.jsonl", b"[" * 100_000, "is not JSON"),
        ("a.json", b'[{"text": "a"}, "b"]', "Row 2 of .* is not an object"),
        ("a.json", b'[{"text": "a"}', "is not JSON"),
        ("a.json", b"[" * 100_000, "is not JSON"),
        ("a.txt", b"\x89PNG\r\n\x1a\n\xff\xd8", "not text in UTF-8"),
        ("a.txt", b"text\x00more", "is a binary file"),
        ("a.jsonl", bytes(range(256)), "binary|UTF-8"),
        ("a.parquet", b"PAR1 and nothing more", "not a whole parquet file"),
        ("a.parquet", b"", "not a whole parquet file"),
    ],
)
def test_a_file_that_is_not_what_it_says_is_refused(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CorpusError, match=message) as refused:
        read(tmp_path / name)
    assert ": " in str(refused.value), "what to do stands after a colon"


def test_a_truncated_parquet_file_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", TEXTS)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(CorpusError, match="write or fetch it again"):
        read(path)


def test_what_is_not_there_or_no_text_file_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"no file or folder .*builtin, tinystories or hub:"):
        open_texts(tmp_path / "nowhere.txt", "train")
    (tmp_path / "a.csv").write_text("text\na\n")
    with pytest.raises(CorpusError, match=r"no \.txt or \.jsonl or \.json or \.parquet file: convert"):
        open_texts(tmp_path / "a.csv", "train")
    with pytest.raises(CorpusError, match=r"The folder .* has no \.txt or"):
        open_texts(tmp_path, "train")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", TEXTS)
    path.chmod(0)
    with pytest.raises(CorpusError, match="check it and its permissions"):
        read(path)


def test_splits_are_chosen_by_meaning() -> None:
    assert choose_split("valid", ["train", "validation"], "x") == "validation"
    assert choose_split("validation", ["train", "val"], "x") == "val"
    assert choose_split("odd", ["train", "odd"], "x") == "odd"
