"""Files that are whole or not there: atomic writes, and the safetensors form of statistics."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from nc_hf.errors import FileError

if TYPE_CHECKING:
    from nc_hf.statistics import ClassStatistics

_FORMAT = "nc_hf.statistics"
_VERSION = 1
_REQUIRED = {"class_ids", "counts", "sums", "squares"}


def write_atomically(path: str | Path, write: Callable[[Path], None]) -> None:
    """Let ``write`` fill a temporary file beside ``path`` and move it there only when it is complete.

    Raises:
        FileError: the folder or the disk does not take it; what was at ``path`` is still there.
    """
    target = Path(path)
    try:
        _write_beside(target, write)
    except (OSError, SafetensorError) as error:
        raise FileError(f"{target} cannot be written ({error}): check the folder and the room on the disk.") from error


def write_text(path: str | Path, text: str) -> None:
    """Write a text file atomically, in UTF-8."""
    write_atomically(path, lambda temporary: _write_text(temporary, text))


def read_json(path: str | Path) -> object:
    """Read a JSON file.

    Raises:
        FileError: the file is missing, cannot be read, or is not whole.
    """
    try:
        document: object = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FileError(f"{path} does not exist: check the path.") from None
    except OSError as error:
        raise FileError(f"{path} cannot be read ({error.strerror}): check the path and its permissions.") from None
    except (ValueError, RecursionError):
        raise FileError(f"{path} is truncated or not JSON: write it again.") from None
    return document


def save_tensors(path: str | Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write tensors and string metadata to a safetensors file, atomically."""
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    write_atomically(path, lambda temporary: save_file(plain, temporary, metadata=dict(metadata)))


def load_tensors(path: str | Path, kind: str) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read tensors and metadata from a safetensors file of ours.

    Raises:
        FileError: the file is missing, truncated, or its ``format`` is not ``kind``.
    """
    try:
        with safe_open(os.fspath(path), framework="pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != kind:
                raise FileError(f"{path} is not a {kind} file: pass a file that nc_hf wrote.")
            return {name: file.get_tensor(name) for name in file.keys()}, metadata
    except FileNotFoundError:
        raise FileError(f"{path} does not exist: check the path.") from None
    except (SafetensorError, OSError) as error:
        raise FileError(f"{path} is truncated or not a {kind} file ({error}): write it again.") from None


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
    from nc_hf.statistics import ClassStatistics

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


def _write_beside(target: Path, write: Callable[[Path], None]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=target.suffix)
    os.close(handle)
    try:
        write(Path(name))
        os.chmod(name, 0o644)
        os.replace(name, target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
