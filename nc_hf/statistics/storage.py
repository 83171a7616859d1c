"""The form of statistics on disk, in the container of `nc_hf.runtime.container`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from nc_hf.errors import FileError
from nc_hf.runtime.container import load_container, save_container
from nc_hf.runtime.strict_json import parse_json
from nc_hf.statistics.validity import fault_of, fit_together

KIND = "nc_hf.statistics"
VERSION = 2  # 1 had no digest


def save_state(path: str | Path, state: Mapping[str, Tensor], dim: int, provenance: Mapping[str, str]) -> None:
    """Write the state of statistics of width ``dim`` with what made them."""
    entries = {"dim": str(dim), "provenance": json.dumps(dict(provenance), sort_keys=True)}
    save_container(path, KIND, VERSION, state, entries)


def load_state(path: str | Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read a state and what made it, checking that its parts fit together and its values can be.

    Raises:
        FileError: the file is missing, truncated, damaged, of another version, or holds what no statistics hold.
    """
    tensors, entries = load_container(path, KIND, VERSION)
    if not fit_together(tensors):
        raise FileError(f"{path} lacks a part of the statistics: write it again.")
    try:
        dim, provenance = int(entries["dim"]), _texts(parse_json(entries["provenance"]))
    except (KeyError, ValueError):
        raise FileError(f"{path} does not say what its statistics are of: write it again.") from None
    if dim != tensors["sums"].shape[1]:
        raise FileError(f"{path} says width {dim} and holds width {tensors['sums'].shape[1]}: write it again.")
    if fault := fault_of(tensors):
        raise FileError(f"{path} holds no statistics, for {fault}: write it again.")
    return tensors, provenance


def _texts(provenance: Any) -> dict[str, str]:
    """Return what made statistics, if it is texts by name."""
    if not isinstance(provenance, dict) or not all(isinstance(each, str) for each in provenance.values()):
        raise ValueError("no texts by name")
    return provenance
