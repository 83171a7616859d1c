"""Tokens of documents, as they come, to whole blocks: of one sequence, or each with a beginning of its own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from nc_hf.corpus.marks import Marks
from nc_hf.corpus.stores import InMemory, Owned, Store
from nc_hf.corpus.tokens import Tokens
from nc_hf.errors import InputError


class Writer(ABC):
    """Fills blocks.

    Args:
        block_size: L.
        marks: put around each document.
        store: where whole blocks go; default: into memory.

    Attributes:
        tokens: that came or were put, once each.
        labels: tokens to be predicted in the whole blocks.
    """

    def __init__(self, block_size: int, marks: Marks, store: Store | None = None) -> None:
        """Begin with nothing."""
        self._size, self._marks = block_size, marks
        self._store = InMemory() if store is None else store
        self.tokens = self.labels = 0

    @abstractmethod
    def add(self, group: Iterable[Tokens]) -> None:
        """Take in the next tokens."""

    def blocks(self) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Return (B, L) token ids, (B, L) document numbers, and how many tokens of each block are only read."""
        return (*self._store.tensors(self._size), None)


class Sequence(Writer):
    """One sequence of all documents, cut into blocks: with their marks, or with one token between two of them.

    Args:
        block_size: L.
        marks: put around each document.
        between: put between two documents, None for nothing.
        cut_every: begin a new sequence with every so many-th document, and drop what is left of the old one.
        store: where whole blocks go; default: into memory.
    """

    def __init__(
        self,
        block_size: int,
        marks: Marks,
        between: int | None,
        cut_every: int | None = None,
        store: Store | None = None,
    ) -> None:
        """Begin with nothing."""
        super().__init__(block_size, marks, store)
        self._between, self._cut_every = [] if between is None else [between], cut_every
        self._last: int | None = None
        self._rest = _owned([], 0)

    def add(self, group: Iterable[Tokens]) -> None:
        """Take in the next tokens."""
        pieces = [self._rest]
        for tokens in group:
            if tokens.first and self._last is not None:
                pieces.append(_owned(self._between, self._last))
                if self._cut_every and tokens.document // self._cut_every != self._last // self._cut_every:
                    self._keep(pieces)
                    pieces = []
            begin, end = self._marks.begin if tokens.first else (), self._marks.end if tokens.last else ()
            pieces.append(_owned([*begin, *tokens.ids, *end], tokens.document))
            self._last = tokens.document
        self._rest = self._keep(pieces)

    def _keep(self, pieces: list[Owned]) -> Owned:
        """Keep the whole blocks of a sequence, and return what is left."""
        sequence = np.concatenate(pieces, axis=1)
        self.tokens += sequence.shape[1] - self._rest.shape[1]
        self._rest = _owned([], 0)
        blocks = sequence.shape[1] // self._size
        self._store.put(sequence[:, : blocks * self._size])
        self.labels += blocks * (self._size - 1)
        return sequence[:, blocks * self._size :]


class BegunBlocks(Writer):
    """Blocks and documents that begin with a mark; a document that is cut goes on with what came before it read again.

    Args:
        block_size: L.
        marks: put around each document.
        store: where whole blocks go; default: into memory.

    Raises:
        InputError: a block has no room for more than the mark.
    """

    def __init__(self, block_size: int, marks: Marks, store: Store | None = None) -> None:
        """Begin with nothing."""
        super().__init__(block_size, marks, store)
        if block_size <= len(marks.begin):
            raise InputError(f"A block of {block_size} holds no more than the mark of a beginning: pass more.")
        self._again = max(0, block_size // 2 - len(marks.begin))  # tokens to read again
        self._ids: list[int] = []  # of the block in work
        self._documents: list[int] = []
        self._only_read = 0
        self._contexts: list[int] = []
        self._before: list[int] = []  # the last tokens of the document in work

    def add(self, group: Iterable[Tokens]) -> None:
        """Take in the next tokens."""
        for tokens in group:
            if tokens.first:
                self._before = []
                self._put(list(self._marks.begin)[: self._size - len(self._ids)], tokens.document)
                self.tokens += len(self._marks.begin)
            rest = [*tokens.ids, *(self._marks.end if tokens.last else ())]
            self.tokens += len(rest)
            while rest:
                if not self._ids:
                    self._put([*self._marks.begin, *self._before], tokens.document)
                    self._only_read = len(self._ids) if self._before else 0
                room = self._size - len(self._ids)
                placed, rest = rest[:room], rest[room:]
                self._before = [*self._before, *placed][-self._again :] if self._again else []
                self._put(placed, tokens.document)

    def blocks(self) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Return (B, L) token ids, (B, L) document numbers, and how many tokens of each block are only read."""
        ids, documents, _ = super().blocks()
        return ids, documents, torch.tensor(self._contexts, dtype=torch.int32) if any(self._contexts) else None

    def _put(self, ids: list[int], document: int) -> None:
        """Append to the block in work, and keep it once it is full."""
        self._ids += ids
        self._documents += [document] * len(ids)
        if len(self._ids) == self._size:
            block = np.asarray([self._ids, self._documents], dtype=np.int32)
            self._store.put(block)
            self._contexts.append(self._only_read)
            self.labels += int(np.isin(block[0, self._only_read :], self._marks.begin, invert=True).sum())
            self._ids, self._documents, self._only_read = [], [], 0


def _owned(ids: list[int], document: int) -> Owned:
    return np.stack([np.asarray(ids, dtype=np.int32), np.full(len(ids), document, dtype=np.int32)])
