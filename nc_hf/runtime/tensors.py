"""Tensors with string metadata in safetensors files of ours."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from nc_hf.errors import FileError
from nc_hf.runtime.files import write_atomically


def save_tensors(path: str | Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write tensors and string metadata to a safetensors file, atomically."""
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    write_atomically(path, lambda temporary: _save(plain, temporary, metadata))


def _save(tensors: dict[str, Tensor], path: Path, metadata: Mapping[str, str]) -> None:
    try:
        save_file(tensors, path, metadata=dict(metadata))
    except SafetensorError as error:  # what it makes of a full disk
        raise OSError(str(error)) from error


def load_tensors(path: str | Path, kind: str) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read tensors and metadata from a safetensors file of ours.

    Raises:
        FileError: the file is missing, truncated, or its ``format`` is not ``kind``.
    """
    return read_tensors(path, kind, lambda metadata: metadata.get("format") == kind)


def read_tensors(
    path: str | Path, kind: str, is_ours: Callable[[Mapping[str, str]], bool]
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read tensors and metadata from a safetensors file.

    Args:
        path: of the file.
        kind: what it should be, for whoever is told that it is not.
        is_ours: told the metadata, whether it is; no tensor is touched before.

    Raises:
        FileError: the file is missing, truncated, or not ours.
    """
    try:
        with safe_open(os.fspath(path), framework="pt") as file:
            metadata = file.metadata() or {}
            if not is_ours(metadata):
                raise FileError(f"{path} is not a {kind} file: pass a file that nc_hf wrote.")
            return {name: file.get_tensor(name) for name in file.keys()}, metadata
    except FileNotFoundError:
        raise FileError(f"{path} does not exist: check the path.") from None
    except (SafetensorError, OSError, ValueError, TypeError, AttributeError, RuntimeError) as error:
        # All but the first two where a byte has changed into a dtype or shape that PyTorch does not know.
        why = str(error).partition("\n")[0]
        raise FileError(f"{path} is truncated or not a {kind} file ({why}): write it again.") from None
