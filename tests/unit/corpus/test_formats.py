"""The texts of one file: every kind, plain and compressed, and everything that can be wrong with it."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import pytest

from nc_hf.corpus.formats import is_readable, read_file
from nc_hf.corpus.reading import ReadRecord
from nc_hf.errors import CorpusError
from tests.text_files import KINDS, PACKED, TABLES, as_text, compressed, write_texts

TEXTS = ["One day.\nIt rained.", 'Two: “quoted” — Zoë, and "so" on\tand on', "Three"]


def read(path: Path, column: str = "text") -> list[str]:
    return list(read_file(path, column, ReadRecord()))


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_file_gives_its_documents(tmp_path: Path, kind: str) -> None:
    record = ReadRecord()
    path = write_texts(tmp_path / f"stories.{kind}", TEXTS)
    assert is_readable(path)
    assert list(read_file(path, "text", record)) == TEXTS
    assert (record.rows, record.unit) == (3, "part" if kind.startswith("txt") else "row")
    assert (record.skipped, record.empty) == (0, 0)


def test_suffixes_may_be_capitals_and_json_may_have_a_row_a_line(tmp_path: Path) -> None:
    (tmp_path / "a.JSON").write_text('\n{"text": "a"}\n\n{"text": "b"}\n')
    assert read(tmp_path / "a.JSON") == ["a", "b"]
    (tmp_path / "A.TXT.GZ").write_bytes(compressed(b"a", ".gz"))
    assert read(tmp_path / "A.TXT.GZ") == ["a"]


def test_a_txt_file_without_marks_is_one_document(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("\ufeffOnce\r\nupon a time.\n\n".encode())
    record = ReadRecord()
    assert list(read_file(tmp_path / "a.txt", "text", record)) == ["Once\nupon a time."]
    assert (record.rows, record.unit) == (1, "file")


def test_marks_may_stand_anywhere_and_empty_stories_are_none(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("<|endoftext|>a<|endoftext|><|endoftext|> b\nc <|endoftext|>\n \n<|endoftext|>d")
    assert read(tmp_path / "a.txt") == ["a", "b\nc", "d"]


@pytest.mark.parametrize("kind", TABLES)
def test_rows_without_words_are_kept_for_they_count_in_a_group_of_the_paper(tmp_path: Path, kind: str) -> None:
    assert read(write_texts(tmp_path / f"a.{kind}", ["a", "", "b"])) == ["a", "", "b"]


@pytest.mark.slow
def test_a_large_txt_file_is_never_held_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text(("word " * 200 + "\n<|endoftext|>\n") * 20_000)
    assert path.stat().st_size > 20_000_000
    tracemalloc.start()
    assert sum(1 for _ in read_file(path, "text", ReadRecord())) == 20_000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2_000_000


@pytest.mark.parametrize("kind", ["txt", "jsonl", "json", "csv", "tsv"])
@pytest.mark.parametrize("packed", ["", *PACKED])
def test_a_mark_of_byte_order_and_the_line_ends_of_windows_are_no_text(tmp_path: Path, kind: str, packed: str) -> None:
    texts = ["One", "Zoë"]
    content = "\ufeff" + as_text(f"a.{kind}", texts).replace("\n", "\r\n")
    suffix = f".{packed}" if packed else ""
    path = tmp_path / f"a.{kind}{suffix}"
    path.write_bytes(compressed(content.encode(), suffix))
    assert read(path) == texts


@pytest.mark.parametrize("kind", ["csv", "tsv"])
def test_fields_in_quotes_hold_line_ends_separators_and_quotes(tmp_path: Path, kind: str) -> None:
    texts = ["one,two\tthree", "four\nfive", 'she said: "six"', "x" * 200_000]
    path = write_texts(tmp_path / f"a.{kind}", texts)
    assert read(path) == texts


def test_a_table_of_one_row_of_numbers_of_none_and_of_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    for content, texts in {"text\nNA\n": ["NA"], "text\n12\n": ["12"], "text\n": [], "": [], "\n\n": []}.items():
        path.write_text(content)
        assert read(path) == texts
    path.write_text("id,text\n1\n\n2,b\n")  # a row that ends before the column has nothing there
    record = ReadRecord()
    assert list(read_file(path, "text", record)) == ["b"]
    assert (record.rows, record.empty) == (2, 1)


@pytest.mark.parametrize("kind", TABLES)
def test_a_missing_column_is_named_with_those_that_are_there(tmp_path: Path, kind: str) -> None:
    path = write_texts(tmp_path / f"a.{kind}", TEXTS, column="story")
    with pytest.raises(CorpusError, match=r"no column 'text' \(its columns: id, story\): .* file:PATH::COLUMN"):
        read(path)
    assert read(path, "story") == TEXTS


NESTED = [
    {"doc": {"text": "a", "n": 1}},
    {"doc": {"text": None, "n": 2}},
    {"doc": None},
    {"doc": {"text": "b", "n": 3}},
]


@pytest.mark.parametrize("kind", ["jsonl", "json", "parquet"])
def test_dots_lead_into_objects(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"a.{kind}"
    if kind == "parquet":
        from datasets import Dataset

        Dataset.from_list(NESTED).to_parquet(str(path))
    else:
        path.write_text("\n".join(map(json.dumps, NESTED)) if kind == "jsonl" else json.dumps(NESTED))
    record = ReadRecord()
    assert list(read_file(path, "doc.text", record)) == ["a", "b"]
    assert (record.rows, record.empty, record.skipped) == (4, 2, 0)
    with pytest.raises(CorpusError, match=r"no column 'doc\.title' \(its columns: doc\.text, doc\.n\)"):
        read(path, "doc.title")


def test_a_column_of_parquet_that_holds_no_text_is_refused(tmp_path: Path) -> None:
    path = write_texts(tmp_path / "a.parquet", TEXTS)
    with pytest.raises(CorpusError, match=r"Row 1 of .* has no text in the column 'id': choose another"):
        read(path, "id")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", b'{"text": "a"}\n{"text": \n', "Line 2 of .* is not JSON"),
        ("a.jsonl", b'{"text": "a"}\n["b"]\n', "Line 2 of .* is not an object"),
        ("a.jsonl", b'{"text": 3}\n', "Line 1 of .* has no text in the column 'text'"),
        ("a.jsonl", b'\n{"text": "a"}\n{"text": 3}\n{}\n', "Line 3 of .* has no text in the column 'text'"),
        ("a.jsonl", b"[" * 100_000, "is not JSON"),
        ("a.json", b'[{"text": "a"}, "b"]', "Row 2 of .* is not an object"),
        ("a.json", b'[{"text": "a"}', "is not JSON"),
        ("a.json", b"[" * 100_000, "is not JSON"),
        ("a.txt", b"\x89PNG\r\n\x1a\n\xff\xd8", "not text in UTF-8"),
        ("a.csv", b"text\nZo\xeb\n", "not text in UTF-8"),
        ("a.txt", b"text\x00more", "is a binary file"),
        ("a.csv", b"text\nmore\x00\n", "is a binary file"),
        ("a.csv", b'text\n"begun\nand not ended\n', "Line 3 of .* is no row of a table"),
        ("a.tsv", b'text\n"a" b\n', "Line 2 of .* is no row of a table"),
        ("a.csv", b"id,text\n1,Hello, world\n", r"Row 1 of .* has 3 fields for 2 columns: put .* into quotes"),
        ("a.jsonl", bytes(range(256)), "binary|UTF-8"),
        ("a.parquet", b"PAR1 and nothing more", "not a whole parquet file"),
        ("a.parquet", b"", "not a whole parquet file"),
        *((f"a.txt.{packed}", b"no such thing" * 9, rf"cut short or no \.{packed} file") for packed in PACKED),
        *((f"a.txt.{packed}", compressed(b"Zo\xeb", f".{packed}"), "not text in UTF-8") for packed in PACKED),
    ],
)
def test_a_file_that_is_not_what_it_says_is_refused(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CorpusError, match=message) as refused:
        read(tmp_path / name)
    assert ": " in str(refused.value), "what to do stands after a colon"


@pytest.mark.parametrize("packed", PACKED)
def test_a_compressed_file_that_is_cut_short_is_refused(tmp_path: Path, packed: str) -> None:
    path = write_texts(tmp_path / f"a.jsonl.{packed}", [f"Story {number}" for number in range(1000)])
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(CorpusError, match=rf"cut short or no \.{packed} file: write or fetch it again"):
        read(path)


@pytest.mark.parametrize("kind", ["txt", "jsonl", "ndjson", "txt.gz", "csv.zst"])
def test_an_empty_file_has_no_texts(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"a.{kind}"
    path.write_bytes(compressed(b"", path.suffix))
    assert read(path) == []


def test_a_truncated_parquet_file_is_refused(tmp_path: Path) -> None:
    path = write_texts(tmp_path / "a.parquet", TEXTS)
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    with pytest.raises(CorpusError, match="write or fetch it again"):
        read(path)
