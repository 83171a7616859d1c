"""Where whole blocks go as they are made: into memory, or to a file on the disk that is mapped in the end."""

from __future__ import annotations

import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nc_hf.errors import FileError, TokenizerError

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
        folder: on whose disk; None: that for temporary files.
        vocab_size: one more than the highest id.

    Raises:
        FileError: the disk does not take it, now or later.
    """

    def __init__(self, folder: Path | None, vocab_size: int) -> None:
        """Begin with nothing."""
        self._folder, self._vocab_size = Path(tempfile.gettempdir()) if folder is None else folder, vocab_size
        with self._disk_faults():
            self._file = tempfile.TemporaryFile(dir=self._folder)
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
        with self._disk_faults():
            self._file.write(ids.astype(self._dtype).tobytes())

    def tensors(self, block_size: int) -> tuple[Tensor, Tensor | None]:
        """Return (B, L) token ids, uint16 or int32, mapped from the file."""
        with self._disk_faults():
            self._file.flush()
        ids = np.memmap(self._file, self._dtype, mode="c")  # a tensor wants to be written to; the file is not
        return torch.from_numpy(ids).view(-1, block_size), None

    @contextmanager
    def _disk_faults(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise FileError(
                f"text cannot be written in {self._folder} ({error}): check the folder and the room on the disk."
            ) from error
