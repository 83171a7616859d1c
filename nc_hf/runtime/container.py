"""The one container for tensors that are read back: safetensors with a kind, a version, entries and a digest of all.

Equal contents make equal bytes. safetensors writes the entries of its metadata in any order, so there is one of them,
whose text is JSON with its names in order.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nc_hf.errors import FileError
from nc_hf.runtime.strict_json import parse_json
from nc_hf.runtime.tensors import read_tensors, save_tensors

_NAME = "nc_hf"
_PARTS = {"kind": str, "version": int, "entries": dict, "digest": str}


def save_container(
    path: str | Path, kind: str, version: int, tensors: Mapping[str, Tensor], entries: Mapping[str, str]
) -> None:
    """Write tensors and what is said of them, atomically.

    Args:
        path: of the file.
        kind: what it holds, such as ``nc_hf.statistics``.
        version: of the kind's form, from 1.
        tensors: by name.
        entries: short texts by name.

    Raises:
        FileError: the folder or the disk does not take it.
    """
    head = {"kind": kind, "version": version, "entries": dict(entries)}
    whole = {**head, "digest": digest_of(head, tensors)}
    save_tensors(path, tensors, {_NAME: json.dumps(whole, sort_keys=True)})


def load_container(path: str | Path, kind: str, version: int) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read what ``save_container`` wrote, and hold every bit of it to its digest.

    Returns:
        The tensors, mapped from the file, and the entries.

    Raises:
        FileError: the file is missing, cut short, damaged, or of another kind or version.
    """
    whole: dict[str, Any] = {}

    def is_ours(metadata: Mapping[str, str]) -> bool:
        whole.update(_parsed(metadata.get(_NAME, "")))
        return whole.get("kind") == kind

    tensors, _ = read_tensors(path, kind, is_ours)
    if whole["version"] != version:
        raise FileError(f"{path} has version {whole['version']}, not {version}: read it with the nc_hf that wrote it.")
    if whole.pop("digest") != digest_of(whole, tensors):
        raise FileError(f"{path} is damaged, for its content is not that of its digest: write it again.")
    return tensors, whole["entries"]


def digest_of(head: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 of what is said of tensors, and of the name, dtype, shape and bytes of each."""
    digest = hashlib.sha256(json.dumps(head, sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(json.dumps([name, str(tensor.dtype), list(tensor.shape)]).encode())
        # As bytes, for NumPy lacks some dtypes; a tensor that is mapped from a file is read and not copied.
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _parsed(text: str) -> dict[str, Any]:
    """Return what is said of the tensors; nothing where it is not of this form."""
    try:
        whole = parse_json(text)
    except ValueError:
        return {}
    formed = isinstance(whole, dict) and whole.keys() == _PARTS.keys()
    if not formed or any(type(whole[name]) is not kind for name, kind in _PARTS.items()):
        return {}
    return whole if all(isinstance(value, str) for value in whole["entries"].values()) else {}
