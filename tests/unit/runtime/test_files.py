"""Files that are whole or not there, and JSON that is read or refused with its name."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from nc_hf.errors import FileError
from nc_hf.runtime.files import read_json, write_atomically, write_text


def test_a_file_is_written_with_the_folders_that_it_needs(tmp_path: Path) -> None:
    path = tmp_path / "new" / "deep" / "note.txt"
    write_text(path, "déjà vu\n")
    assert path.read_bytes() == "déjà vu\n".encode()
    assert stat.S_IMODE(path.stat().st_mode) == 0o644, "a temporary file is the owner's alone, the result is not"
    assert list(path.parent.iterdir()) == [path]


def test_the_temporary_file_lies_beside_the_target_and_keeps_its_suffix(tmp_path: Path) -> None:
    seen: list[Path] = []

    def write(temporary: Path) -> None:
        seen.append(temporary)
        assert not (tmp_path / "weights.safetensors").exists()
        temporary.write_bytes(b"whole")

    write_atomically(str(tmp_path / "weights.safetensors"), write)
    (temporary,) = seen
    assert (temporary.parent, temporary.suffix) == (tmp_path, ".safetensors")
    assert (tmp_path / "weights.safetensors").read_bytes() == b"whole"


@pytest.mark.parametrize("fault", [OSError(28, "No space left on device"), PermissionError(13, "Permission denied")])
def test_a_write_that_fails_leaves_what_was_there_and_says_what_to_do(tmp_path: Path, fault: Exception) -> None:
    path = tmp_path / "report.json"
    path.write_text("before")

    def write(temporary: Path) -> None:
        temporary.write_text("half of")
        raise fault

    with pytest.raises(FileError, match=r"report\.json cannot be written \(.*\): check the folder and the room"):
        write_atomically(path, write)
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("fault", [KeyboardInterrupt, ZeroDivisionError])
def test_any_other_error_passes_through_and_leaves_nothing(tmp_path: Path, fault: type[BaseException]) -> None:
    def write(temporary: Path) -> None:
        raise fault

    with pytest.raises(fault):
        write_atomically(tmp_path / "report.json", write)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FileError, match="cannot be written"):
        write_text(tmp_path / "file" / "report.json", "")


def test_a_folder_in_the_place_of_the_file_stays(tmp_path: Path) -> None:
    (tmp_path / "report.json").mkdir()
    with pytest.raises(FileError, match="cannot be written"):
        write_text(tmp_path / "report.json", "")
    assert os.listdir(tmp_path) == ["report.json"]


@pytest.mark.parametrize("document", [None, 3, "é", [1, {"a": [2.5]}], {}])
def test_json_comes_back(tmp_path: Path, document: object) -> None:
    write_text(tmp_path / "a.json", json.dumps(document))
    assert read_json(tmp_path / "a.json") == document


@pytest.mark.parametrize("content", [b"", b"{", b'{"a": 1', b"\xff\xfe", b"[" * 100_000], ids=lambda c: repr(c[:8]))
def test_what_is_not_whole_json_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(FileError, match=r"a\.json is truncated or not JSON: write it again"):
        read_json(tmp_path / "a.json")


def test_a_file_that_is_not_there_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="does not exist: check the path"):
        read_json(tmp_path / "none.json")
    with pytest.raises(FileError, match=r"cannot be read .*: check the path and its permissions"):
        read_json(tmp_path)
