"""Tensors on disk: bits, views and metadata come back; what is foreign or cut is refused with its name."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from nc_hf.errors import FileError
from nc_hf.runtime import tensors as tensors_module
from nc_hf.runtime.tensors import load_tensors, save_tensors

KIND = {"format": "things", "note": "é"}


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.int64, torch.bool])
def test_every_bit_and_the_metadata_come_back(tmp_path: Path, dtype: torch.dtype) -> None:
    tensor = torch.arange(-6, 6).reshape(3, 4).to(dtype)
    save_tensors(tmp_path / "file", {"whole": tensor, "empty": tensor[:0]}, KIND)
    tensors, metadata = load_tensors(tmp_path / "file", "things")
    assert metadata == KIND
    assert tensors.keys() == {"whole", "empty"}
    assert torch.equal(tensors["whole"], tensor)
    assert (tensors["whole"].dtype, tensors["empty"].shape) == (dtype, (0, 4))


def test_a_fault_of_safetensors_is_said_like_one_of_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(tensors: object, path: Path, metadata: object) -> None:
        path.write_bytes(b"half of")
        raise SafetensorError("I/O error: No space left on device")

    monkeypatch.setattr(tensors_module, "save_file", full)
    with pytest.raises(FileError, match=r"file cannot be written \(I/O error.*\): check the folder and the room"):
        save_tensors(tmp_path / "file", {"a": torch.zeros(2)}, KIND)
    assert list(tmp_path.iterdir()) == []


def test_views_and_tensors_with_gradients_are_written_as_they_look(tmp_path: Path) -> None:
    table = torch.randn(4, 6, requires_grad=True)
    save_tensors(tmp_path / "file", {"turned": table.T, "part": table[1:3, ::2]}, KIND)
    tensors, _ = load_tensors(str(tmp_path / "file"), "things")
    assert torch.equal(tensors["turned"], table.T)
    assert torch.equal(tensors["part"], table[1:3, ::2])
    assert not tensors["part"].requires_grad


@pytest.mark.parametrize("metadata", [{"format": "others"}, {}, None])
def test_a_file_of_another_kind_is_refused(tmp_path: Path, metadata: dict[str, str] | None) -> None:
    save_file({"a": torch.zeros(2)}, tmp_path / "file", metadata=metadata)
    with pytest.raises(FileError, match="is not a things file: pass a file that nc_hf wrote"):
        load_tensors(tmp_path / "file", "things")


def test_a_file_that_is_cut_or_not_there_is_refused(tmp_path: Path) -> None:
    save_tensors(tmp_path / "file", {"a": torch.zeros(20)}, KIND)
    whole = (tmp_path / "file").read_bytes()
    for length in (0, 4, 30, len(whole) - 1):
        (tmp_path / "file").write_bytes(whole[:length])
        with pytest.raises(FileError, match="is truncated or not a things file"):
            load_tensors(tmp_path / "file", "things")
    with pytest.raises(FileError, match="does not exist: check the path"):
        load_tensors(tmp_path / "none", "things")
