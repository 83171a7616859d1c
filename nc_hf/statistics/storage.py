"""The safetensors form of statistics."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from nc_hf.errors import FileError
from nc_hf.runtime.tensors import load_tensors, save_tensors

_FORMAT = "nc_hf.statistics"
_VERSION = 1
_REQUIRED = {"class_ids", "counts", "sums", "squares"}


def save_state(path: str | Path, state: Mapping[str, Tensor], dim: int, provenance: Mapping[str, str]) -> None:
    """Write the state of statistics of width ``dim`` with what made them."""
    metadata = {
        "format": _FORMAT,
        "version": str(_VERSION),
        "dim": str(dim),
        "provenance": json.dumps(dict(provenance), sort_keys=True),
    }
    save_tensors(path, state, metadata)


def load_state(path: str | Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read a state and what made it, checking that its parts fit together.

    Raises:
        FileError: the file is missing, truncated, of another version, or its parts do not fit together.
    """
    tensors, metadata = load_tensors(path, _FORMAT)
    if metadata.get("version") != str(_VERSION):
        raise FileError(f"{path} has version {metadata.get('version')}: read it with the nc_hf that wrote it.")
    if not _fit_together(tensors):
        raise FileError(f"{path} lacks a part of the statistics: write it again.")
    try:
        dim, provenance = int(metadata["dim"]), dict(json.loads(metadata["provenance"]))
    except (KeyError, ValueError, TypeError):
        raise FileError(f"{path} does not say what its statistics are of: write it again.") from None
    if dim != tensors["sums"].shape[1]:
        raise FileError(f"{path} says width {dim} and holds width {tensors['sums'].shape[1]}: write it again.")
    return tensors, provenance


def _fit_together(tensors: Mapping[str, Tensor]) -> bool:
    """Whether the parts of a state are there, of one length and width."""
    if not tensors.keys() >= _REQUIRED or tensors["sums"].dim() != 2:
        return False
    classes, dim = tensors["sums"].shape
    wanted = {name: (classes,) for name in _REQUIRED} | {"sums": (classes, dim)}
    wanted |= {"pivot": (dim,)} if classes or "pivot" in tensors else {}
    wanted |= {"moment": (dim, dim)} if "moment" in tensors else {}
    return all(name in tensors and tuple(tensors[name].shape) == shape for name, shape in wanted.items())
