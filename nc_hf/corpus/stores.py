"""Where whole blocks go as they are made: into memory, or to a file on the disk that is mapped in the end."""

from __future__ import annotations

import tempfile
from abc import ABC, abstractmethod
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nc_hf.errors import TokenizerError

Owned = NDArray[np.int32]
"""(2, n): token ids above the numbers of their documents."""


class Store(ABC):
    """Takes whole blocks, and has them as tensors when all are there."""

    @abstractmethod
    def put(self, blocks: Owned) -> None:
        """Take in some whole blocks, one after another."""

    @abstractmethod
    def tensors(self, block_size: int) -> tuple[Tensor, Tensor | None]:
        """Return (B, L) token ids, and (B, L) document numbers if they were kept."""


class InMemory(Store):
    """Holds ids and documents, both int32."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._blocks: list[Owned] = []

    def put(self, blocks: Owned) -> None:
        """Take in some whole blocks, one after another."""
        self._blocks.append(blocks)

    def tensors(self, block_size: int) -> tuple[Tensor, Tensor | None]:
        """Return (B, L) token ids and (B, L) document numbers."""
        ids, documents = torch.from_numpy(np.concatenate(self._blocks, axis=1)).view(2, -1, block_size)
        return ids, documents


class OnDisk(Store):
    """Writes ids to a file, in the smallest integer that holds them: no more is held than what comes at once.

    The file has no name and is gone with the last tensor that is mapped from it, however the process ends.

    Args:
        folder: on whose disk.
        vocab_size: one more than the highest id.
    """

    def __init__(self, folder: Path, vocab_size: int) -> None:
        """Begin with nothing."""
        self._file, self._vocab_size = tempfile.TemporaryFile(dir=folder), vocab_size
        self._dtype = np.dtype(np.uint16 if vocab_size <= 1 << 16 else np.int32)

    def put(self, blocks: Owned) -> None:
        """Take in some whole blocks, one after another.

        Raises:
            TokenizerError: a token is beyond the vocabulary.
        """
        ids = blocks[0]
        if ids.size and not 0 <= ids.min() <= ids.max() < self._vocab_size:
            raise TokenizerError(
                f"The tokenizer gives the token {ids.max()}, beyond its own vocabulary of {self._vocab_size}: name "
                "another tokenizer."
            )
        self._file.write(ids.astype(self._dtype).tobytes())

    def tensors(self, block_size: int) -> tuple[Tensor, Tensor | None]:
        """Return (B, L) token ids, uint16 or int32, mapped from the file."""
        self._file.flush()
        ids = np.memmap(self._file, self._dtype, mode="c")  # a tensor wants to be written to; the file is not
        return torch.from_numpy(ids).view(-1, block_size), None
