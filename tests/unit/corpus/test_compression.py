"""Text files, plain and compressed: opened as their names say, closed again, and refused in a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from nc_hf.corpus.compression import checked_lines, open_text, text_lines, uncompressed_name
from nc_hf.errors import CorpusError
from tests.text_files import PACKED, compressed


@pytest.mark.parametrize("suffix", ["", *(f".{packed}" for packed in PACKED)])
def test_lines_come_as_they_are(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.txt{suffix}"
    path.write_bytes(compressed("Zoë\r\nand\n\nAnn".encode(), suffix))
    assert list(text_lines(path)) == ["Zoë\n", "and\n", "\n", "Ann"]
    assert list(text_lines(path, newline="")) == ["Zoë\r\n", "and\n", "\n", "Ann"]
    with open_text(path) as text:
        assert text.read(3) == "Zoë"
    assert text.closed


def test_a_gz_of_two_parts_is_read_whole(tmp_path: Path) -> None:
    for suffix in (".gz", ".bz2", ".xz", ".zst"):
        path = tmp_path / f"a.txt{suffix}"
        path.write_bytes(compressed(b"one\n", suffix) + compressed(b"two\n", suffix))
        assert list(text_lines(path)) == ["one\n", "two\n"]


def test_a_folder_of_a_file_s_name_cannot_be_read(tmp_path: Path) -> None:
    for suffix in ("", ".gz", ".zst"):
        (tmp_path / f"a.txt{suffix}").mkdir()
        with pytest.raises(CorpusError, match=r"cannot be read \(Is a directory\): check it"):
            list(text_lines(tmp_path / f"a.txt{suffix}"))


def test_names_without_their_compression() -> None:
    assert uncompressed_name("a.tar.gz") == ("a.tar", ".gz")
    assert uncompressed_name("gz") == ("gz", "")


def test_a_null_character_is_no_text() -> None:
    with pytest.raises(CorpusError, match="here is a binary file: name a text file"):
        list(checked_lines(iter(["a\n", "b\0\n"]), "here"))
