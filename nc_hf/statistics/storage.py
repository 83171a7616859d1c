"""The safetensors form of statistics."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from nc_hf.errors import FileError

if TYPE_CHECKING:
    from nc_hf.statistics.class_statistics import ClassStatistics
from nc_hf.runtime.tensors import load_tensors, save_tensors

_FORMAT = "nc_hf.statistics"


_VERSION = 1


_REQUIRED = {"class_ids", "counts", "sums", "squares"}


def save_statistics(stats: ClassStatistics, path: str | Path) -> None:
    """Write statistics with what made them."""
    metadata = {
        "format": _FORMAT,
        "version": str(_VERSION),
        "dim": str(stats.dim),
        "provenance": json.dumps(stats.provenance, sort_keys=True),
    }
    save_tensors(path, stats.state_dict(), metadata)


def load_statistics(path: str | Path, device: str | torch.device) -> ClassStatistics:
    """Read statistics, checking that their parts fit together."""
    from nc_hf.statistics.class_statistics import ClassStatistics

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
    stats = ClassStatistics(dim, device, covariance="moment" in tensors)
    stats.load_state_dict(tensors)
    stats.provenance = provenance
    return stats


def _fit_together(tensors: Mapping[str, Tensor]) -> bool:
    """Whether the parts of a state are there, of one length and width."""
    if not tensors.keys() >= _REQUIRED or tensors["sums"].dim() != 2:
        return False
    classes, dim = tensors["sums"].shape
    wanted = {name: (classes,) for name in _REQUIRED} | {"sums": (classes, dim)}
    wanted |= {"pivot": (dim,)} if classes or "pivot" in tensors else {}
    wanted |= {"moment": (dim, dim)} if "moment" in tensors else {}
    return all(name in tensors and tuple(tensors[name].shape) == shape for name, shape in wanted.items())
