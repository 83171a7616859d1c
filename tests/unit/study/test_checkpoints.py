"""What an unfinished cell has on disk: nothing half-written is taken for whole."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from nc_hf.study.checkpoints import MARKER, CellFolder
from nc_hf.study.schedule import State

STATES = BEGIN, FIRST, SECOND = [State(step, 20) for step in (0, 20, 40)]


def checkpoint(folder: CellFolder, step: int) -> Path:
    path = folder.path / f"checkpoint-{step}"
    path.mkdir(parents=True)
    (path / "optimizer.pt").write_text("weights")
    return path


def save(path: Path) -> None:
    path.mkdir()
    save_file({"weight": torch.zeros(8)}, path / "model.safetensors")


@pytest.fixture
def folder(tmp_path: Path) -> CellFolder:
    return CellFolder(tmp_path / "cell")


def test_the_newest_marked_checkpoint_is_gone_on_from(folder: CellFolder) -> None:
    assert folder.newest() is None
    for step in (5, 20, 100):
        checkpoint(folder, step)
    folder.mark(20, seconds=3.0)
    assert [path.name for path in folder.path.iterdir()] == ["checkpoint-20"]
    checkpoint(folder, 100)  # killed before it was marked
    newest = folder.newest()
    assert newest is not None
    assert newest.name == "checkpoint-20"
    assert folder.seconds(20) == 3.0


def test_what_was_being_written_is_cleared_away(folder: CellFolder) -> None:
    checkpoint(folder, 5)
    folder.mark(5, seconds=1.0)
    checkpoint(folder, 10)
    save(folder.path / ".state-0000040")
    folder.save_state(FIRST, save)
    folder.clean()
    assert sorted(path.name for path in folder.path.iterdir()) == ["checkpoint-5", "state-0000020"]


def test_an_older_checkpoint_that_was_left_marked_goes_too(folder: CellFolder) -> None:
    for step in (5, 10):
        (checkpoint(folder, step) / MARKER).write_text('{"seconds": 1.0}')
    folder.clean()
    assert [path.name for path in folder.path.iterdir()] == ["checkpoint-10"]


def test_a_state_that_is_lost_is_trained_again(folder: CellFolder) -> None:
    checkpoint(folder, 30)
    folder.mark(30, seconds=1.0)
    assert folder.resume_point(STATES) is None  # the first epoch's lies before the checkpoint and is not there
    folder.save_state(FIRST, save)
    assert folder.resume_point(STATES) == folder.newest()


@pytest.mark.parametrize("harm", ["gone", "empty", "cut"])
def test_a_state_without_its_weights_is_lost(folder: CellFolder, harm: str) -> None:
    checkpoint(folder, 30)
    folder.mark(30, seconds=1.0)
    folder.save_state(FIRST, save)
    weights = folder.state(FIRST) / "model.safetensors"
    data = weights.read_bytes()
    weights.unlink()  # as in a copy that was broken off
    if harm != "gone":
        weights.write_bytes(data[: 0 if harm == "empty" else len(data) - 4])
    assert not folder.has_state(FIRST)
    assert folder.resume_point(STATES) is None
    folder.save_state(FIRST, save)
    assert folder.has_state(FIRST)


def test_a_marker_and_a_row_that_are_not_whole_are_none(folder: CellFolder) -> None:
    for step in (5, 10):
        checkpoint(folder, step)
    (folder.path / "checkpoint-5" / MARKER).write_text('{"seconds": 1.0}')
    (folder.path / "checkpoint-10" / MARKER).touch()
    newest = folder.newest()
    assert newest is not None
    assert newest.name == "checkpoint-5"
    folder.save_row(FIRST, {"val_loss": 1.0})
    assert folder.row(FIRST) == {"val_loss": 1.0}
    (folder.path / "row-0000020.json").write_text('{"val')
    assert folder.row(FIRST) is None


def test_a_state_that_could_not_be_written_leaves_the_one_before(folder: CellFolder) -> None:
    folder.save_state(FIRST, save)

    def broken(path: Path) -> None:
        save(path)
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        folder.save_state(FIRST, broken)
    assert folder.has_state(FIRST)


def test_rows_are_kept_by_state(folder: CellFolder) -> None:
    assert folder.row(BEGIN) is None
    folder.save_row(BEGIN, {"val_loss": 0.1 + 0.2})
    assert folder.row(BEGIN) == {"val_loss": 0.1 + 0.2}
    assert folder.row(FIRST) is None


def test_a_byte_that_changed_in_a_checkpoint_or_state_is_found(folder: CellFolder) -> None:
    checkpoint(folder, 30)
    folder.mark(30, seconds=1.0)
    folder.save_state(FIRST, save)
    assert folder.newest() is not None
    assert folder.has_state(FIRST)
    weights = folder.state(FIRST) / "model.safetensors"
    data = weights.read_bytes()
    weights.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert not folder.has_state(FIRST)
    (folder.path / "checkpoint-30" / "optimizer.pt").write_text("weighte")
    assert folder.newest() is None


@pytest.mark.parametrize("text", ['{"val_loss": 2.0}', '{"val_loss": 1.0, "sea1": "x"}', "[]", "\xff", "3"])
def test_a_row_that_is_not_as_it_was_written_is_none(folder: CellFolder, text: str) -> None:
    folder.save_row(FIRST, {"val_loss": 1.0, "nan": float("nan")})
    row = folder.row(FIRST)
    assert row is not None
    assert row["val_loss"] == 1.0
    (folder.path / "row-0000020.json").write_text(text, encoding="latin-1")
    assert folder.row(FIRST) is None


def test_a_number_that_was_edited_in_a_row_is_found(folder: CellFolder) -> None:
    folder.save_row(FIRST, {"val_loss": 1.25})
    path = folder.path / "row-0000020.json"
    path.write_text(path.read_text().replace("1.25", "1.24"))
    assert folder.row(FIRST) is None
