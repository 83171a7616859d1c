"""The container of tensors: equal contents make equal bytes, and no bit of a file can change unseen."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file
from safetensors.torch import save_file
from torch import Tensor

from nc_hf.errors import FileError
from nc_hf.runtime.container import load_container, save_container

KIND = "nc_hf.things"
TENSORS = {
    "wide": torch.arange(12, dtype=torch.float64).view(3, 4),
    "ids": torch.tensor([3, 5, 8]),
    "half": torch.tensor([1.5, -2.0]).bfloat16(),
    "right": torch.tensor([True, False]),
    "one": torch.tensor(0.25),
    "none": torch.empty(0, 4),
}
ENTRIES = {"model": "é", "options": "{}"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    save_container(tmp_path / "a.safetensors", KIND, 1, TENSORS, ENTRIES)
    return tmp_path / "a.safetensors"


def same(found: dict[str, Tensor]) -> bool:
    """Whether these are the tensors, to the bit and the dtype."""
    return found.keys() == TENSORS.keys() and all(
        torch.equal(found[name], each) and found[name].dtype == each.dtype for name, each in TENSORS.items()
    )


def test_everything_comes_back(path: Path) -> None:
    tensors, entries = load_container(path, KIND, 1)
    assert same(tensors)
    assert entries == ENTRIES


def test_the_digest_is_what_it_is_said_to_be(tmp_path: Path) -> None:
    """Computed anew with NumPy from what another reader finds in the file."""
    save_container(tmp_path / "a", KIND, 1, {name: TENSORS[name] for name in ("wide", "ids")}, ENTRIES)
    data = (tmp_path / "a").read_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    said = json.loads(header["__metadata__"]["nc_hf"])
    digest = said.pop("digest")
    mine = hashlib.sha256(json.dumps(said, sort_keys=True).encode())
    arrays = load_file(tmp_path / "a")
    for name, kind, shape in (("ids", "torch.int64", [3]), ("wide", "torch.float64", [3, 4])):
        mine.update(json.dumps([name, kind, shape]).encode() + np.ascontiguousarray(arrays[name]).tobytes())
    assert digest == mine.hexdigest()


WRITE = """
import sys, torch
from nc_hf.runtime.container import save_container
said = {f"name {number}": "x" for number in range(20)}
save_container(sys.argv[1], "nc_hf.things", 1, {"b": torch.ones(3), "a": torch.zeros(2)}, said)
"""


@pytest.mark.slow
def test_equal_contents_make_equal_bytes_in_every_process(tmp_path: Path) -> None:
    for number in range(3):
        subprocess.run([sys.executable, "-c", WRITE, str(tmp_path / str(number))], check=True)
    assert len({(tmp_path / str(number)).read_bytes() for number in range(3)}) == 1


def test_no_bit_can_change_unseen(path: Path) -> None:
    """Every third byte of the file in turn, with one of its bits turned round."""
    data = path.read_bytes()
    refused = 0
    for place in range(0, len(data), 3):
        path.write_bytes(data[:place] + bytes([data[place] ^ (1 << place % 8)]) + data[place + 1 :])
        try:
            tensors, entries = load_container(path, KIND, 1)
        except FileError:
            refused += 1
        else:
            assert same(tensors), place
            assert entries == ENTRIES, place
    assert refused > 0.95 * len(data) / 3


@pytest.mark.slow
@settings(max_examples=200)
@given(content=st.binary(max_size=300))
def test_any_bytes_are_refused_by_one_kind_of_error(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.safetensors"
    path.write_bytes(content)
    with pytest.raises(FileError):
        load_container(path, KIND, 1)


def test_another_kind_or_version_is_named(path: Path) -> None:
    with pytest.raises(FileError, match=r"is not a nc_hf\.others file"):
        load_container(path, "nc_hf.others", 1)
    with pytest.raises(FileError, match=r"has version 1, not 2: read it with the nc_hf that wrote it"):
        load_container(path, KIND, 2)


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"kind": KIND},
        {"kind": KIND, "version": True, "entries": {}, "digest": ""},
        {"kind": KIND, "version": 1, "entries": {"a": 3}, "digest": ""},
        {"kind": KIND, "version": 1, "entries": {}, "digest": "", "more": 1},
        [],
    ],
)
def test_what_says_too_little_or_too_much_is_none(tmp_path: Path, said: object) -> None:
    save_file({"a": torch.zeros(2)}, tmp_path / "a", metadata={"nc_hf": json.dumps(said)})
    with pytest.raises(FileError, match=r"is not a nc_hf\.things file"):
        load_container(tmp_path / "a", KIND, 1)
