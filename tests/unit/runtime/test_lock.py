"""A folder in use: the second run is told at once, and nothing is left of the first."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from accelerate.state import PartialState
from filelock import FileLock

from nc_hf.errors import FileError
from nc_hf.runtime.lock import LOCK, in_use

HOLD = """
import sys
from accelerate.state import PartialState
from nc_hf.runtime.lock import in_use
with in_use(sys.argv[1], PartialState(cpu=True)):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def process() -> PartialState:
    return PartialState(cpu=True)


def test_one_works_and_the_other_is_told(tmp_path: Path, process: PartialState) -> None:
    with in_use(tmp_path / "run", process):
        with pytest.raises(FileError, match="run is in use by another run: wait until that has ended"):
            with in_use(tmp_path / "run", process):
                pytest.fail("both are in it")
        with in_use(tmp_path / "other", process):
            assert (tmp_path / "other").is_dir()
        (tmp_path / "run" / "kept").touch()
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["kept"]
    assert not (tmp_path / "other").exists(), "made for nothing"
    with in_use(tmp_path / "run", process):
        assert (tmp_path / "run" / LOCK).exists()


def test_a_run_that_fails_gives_it_back(tmp_path: Path, process: PartialState) -> None:
    with pytest.raises(ZeroDivisionError), in_use(tmp_path, process):
        raise ZeroDivisionError
    with in_use(tmp_path, process):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_killed_run_gives_it_back_and_another_process_is_kept_out(tmp_path: Path, process: PartialState) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(FileError, match="in use by another run"):
            with in_use(tmp_path, process):
                pytest.fail("both are in it")
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        assert os.listdir(tmp_path) == [LOCK]
        with in_use(tmp_path, process):
            pass
        assert os.listdir(tmp_path) == []
    finally:
        holder.kill()
        holder.communicate()


def test_nothing_is_held_without_a_folder(process: PartialState) -> None:
    before = os.listdir()
    with in_use(None, process):
        assert os.listdir() == before


def test_a_file_in_its_place(tmp_path: Path, process: PartialState) -> None:
    (tmp_path / "run").write_text("mine")
    with pytest.raises(FileError, match="run is no folder and cannot be made one"):
        with in_use(tmp_path / "run", process):
            pytest.fail("it is no folder")
    assert (tmp_path / "run").read_text() == "mine"


def test_a_folder_that_takes_no_file(tmp_path: Path, process: PartialState, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(FileLock, "acquire", refuse)
    with pytest.raises(FileError, match=r"cannot be written \(Permission denied\): name another folder"):
        with in_use(tmp_path, process):
            pytest.fail("it was not held")


def test_a_file_system_without_locks_is_worked_on_without(
    tmp_path: Path, process: PartialState, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise NotImplementedError

    monkeypatch.setattr(FileLock, "acquire", refuse)
    reached = []
    with in_use(tmp_path, process):
        reached.append(tmp_path)
    assert reached
