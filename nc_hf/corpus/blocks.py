"""Blocks of tokens: which of them are to be predicted, where documents begin, and a fingerprint of the whole."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from nc_hf.corpus.marks import NO_MARKS, Marks
from nc_hf.errors import InputError

IGNORED = -100
"""The label of a token that is not to be predicted, which transformers' losses skip too."""

_HASHED_ROWS = 4096


@dataclass(frozen=True, eq=False)
class TokenBlocks:
    """Blocks of tokens that a model reads one by one; also a map-style data set for a ``DataLoader``.

    Attributes:
        input_ids: (B, L) int32, or uint16 from a file of a study; a block by its number, ``blocks[i]``, is int64, as
            models take it. PyTorch can do little with uint16 but convert it.
        document_ids: (B, L) int32, the number of the document of each token, from 0 in the corpus's own order and
            never falling; an end-of-text token belongs to the document that it ends. None where it was not kept.
        fingerprint: sha256 of token ids, labels, packing, block size and tokenizer, in hexadecimal. Of the whole: a
            shard keeps it.
        packing: "documents" or "paper".
        source: the corpus, as named by the user.
        split: the split that was read.
        tokenizer_hash: as of `nc_hf.corpus.tokens.tokenizer_hash`.
        eot_id: the token that was put between documents, None if none was.
        marks: what was put around each document. Where that is a beginning, each block begins with one, and what
            follows one is to be read as if nothing stood before it: see `positions`.
        context: (B,) int32, how many tokens a block begins with that are only read: its mark, and what the block before
            it held of the same document; None if no block has any.
        census: (T,) int64, how often each token is to be predicted in the text that these blocks are a part of, up to
            a bound that is the same for every part; None where the blocks are all that is known of it.
        seed: by which these blocks were chosen from others; None where none were left out.
    """

    input_ids: Tensor
    document_ids: Tensor | None
    fingerprint: str
    packing: str
    source: str
    split: str
    tokenizer_hash: str
    eot_id: int | None
    marks: Marks = NO_MARKS
    context: Tensor | None = None
    census: Tensor | None = None
    seed: int | None = None

    def __len__(self) -> int:
        """Count the blocks."""
        return len(self.input_ids)

    def __getitem__(self, row: int) -> dict[str, Tensor]:
        """Return one block, ``input_ids`` (L,)."""
        return {"input_ids": self.ids(row)}

    def ids(self, rows: Tensor | slice | int) -> Tensor:
        """Return the tokens of some blocks, (..., L) int64, as models take them; never the blocks themselves."""
        return _taken(self.input_ids, rows).to(torch.int64, copy=True)

    @property
    def block_size(self) -> int:
        """Tokens a block, L."""
        return self.input_ids.shape[1]

    @property
    def num_labels(self) -> int:
        """Tokens to be predicted: without marks B(L-1), since nothing predicts the first token of a block."""
        return sum(self.label_counts())

    @property
    def num_documents(self) -> int:
        """Count the documents of which at least one token is in the blocks."""
        assert self.document_ids is not None, "blocks of which it was not kept whose they are were asked for it"
        numbers = self.document_ids.flatten()
        return 0 if len(numbers) == 0 else 1 + int((numbers[1:] != numbers[:-1]).sum())

    @property
    def highest_id(self) -> int:
        """The highest token id; there is one."""
        return int(self.input_ids.numpy().max())

    @property
    def mark_ids(self) -> tuple[int, ...]:
        """The tokens that begin, end or part documents, each once."""
        between = () if self.eot_id is None else (self.eot_id,)
        return tuple(dict.fromkeys((*self.marks.begin, *self.marks.end, *between)))

    def labels(self, rows: Tensor | slice | int) -> Tensor:
        """Return the labels of some blocks, as transformers takes them: the tokens, or ``IGNORED``.

        Args:
            rows: which blocks, as an index of ``input_ids``.

        Returns:
            (..., L) int64. The first token of a block, which nothing predicts, has its label too where it is no mark.
        """
        labels = self.ids(rows)
        if self.marks.begin:
            labels[_is_any(labels, self.marks.begin)] = IGNORED
        if self.context is not None:
            labels[torch.arange(self.block_size) < self.context[rows].unsqueeze(-1)] = IGNORED
        return labels

    def label_counts(self) -> list[int]:
        """Count the tokens to be predicted in each block."""
        if not self.marks.begin and self.context is None:
            return [self.block_size - 1] * len(self)
        parts = (self.labels(slice(begin, begin + _HASHED_ROWS)) for begin in range(0, len(self), _HASHED_ROWS))
        return [count for part in parts for count in (part[:, 1:] >= 0).sum(dim=1).tolist()]

    def positions(self, rows: Tensor | slice) -> Tensor | None:
        """Return the place of each token of some blocks in its document, counted from its mark; None without marks.

        A model that takes them as ``position_ids`` without a cache lets no token see what lies before its document.

        Returns:
            (n, L) int64, from 0 at each beginning.
        """
        if not self.marks.begin:
            return None
        begins = self.ids(rows) == self.marks.begin[0]
        places = torch.arange(self.block_size).expand(begins.shape)
        return places - torch.where(begins, places, 0).cummax(dim=1).values

    def token_counts(self, most: int | None = None, *, first: int = 0) -> Tensor:
        """Count how often each token is to be predicted, if there is something before it to predict it from.

        Args:
            most: count the first so many; None counts all.
            first: count from this place in each block on. 0 makes no difference between a text that is cut here or
                there; 1 leaves out what nothing predicts in these blocks.

        Returns:
            (T,) int64, T one more than the highest token that was counted.
        """
        counts = torch.zeros(1 + self.highest_id, dtype=torch.int64)
        left = self.input_ids.numel() if most is None else most
        for begin in range(0, len(self), _HASHED_ROWS):  # some at a time: they are copied
            labels = self.labels(slice(begin, begin + _HASHED_ROWS))[:, first:]
            labels = labels[labels >= 0][:left]
            counts += torch.bincount(labels, minlength=len(counts))
            left -= len(labels)
        return counts[: 1 + int(counts.nonzero().max())] if bool(counts.any()) else counts[:0]

    def spread(self, max_tokens: int, seed: int) -> TokenBlocks:
        """Choose blocks at random from all of them, as many as hold ``max_tokens`` to be predicted, one at the least.

        So a budget below the text reads from all of it, in pieces, with the context that each would have had; a larger
        budget of the same seed reads what the smaller one did, and more.

        Returns:
            The chosen blocks in their order, with a fingerprint of their own; these blocks if all are chosen.
        """
        order = torch.randperm(len(self), generator=torch.Generator().manual_seed(seed))
        totals = torch.tensor(self.label_counts())[order].cumsum(0)
        taken = max(1, int((totals <= max_tokens).sum()))
        if taken == len(self):
            return self
        chosen = self.rows(order[:taken].sort().values)
        return replace(chosen, fingerprint=chosen.content_hash(), seed=seed)

    def content_hash(self) -> str:
        """Hash what these blocks hold; equal to ``fingerprint`` but for a shard, which keeps that of the whole."""
        return fingerprint(self.input_ids, self.packing, self.tokenizer_hash, self.marks, self.context)

    def rows(self, part: Tensor | slice) -> TokenBlocks:
        """Return some of the blocks."""
        documents, context = (None if each is None else each[part] for each in (self.document_ids, self.context))
        return replace(self, input_ids=_taken(self.input_ids, part), document_ids=documents, context=context)

    def shard(self, index: int, count: int) -> TokenBlocks:
        """Return every ``count``-th block from block ``index`` on, counted from 1; all shards together are the whole.

        Raises:
            InputError: unless 1 <= index <= count.
        """
        if not 1 <= index <= count:
            raise InputError(f"There is no shard {index} of {count}: count from 1 to {max(count, 1)}.")
        return self.rows(slice(index - 1, None, count))


def fingerprint(
    input_ids: Tensor, packing: str, tokenizer: str, marks: Marks = NO_MARKS, context: Tensor | None = None
) -> str:
    """Hash blocks (B, L) with what made them, a packing and a `tokenizer_hash`, and with what makes their labels.

    The ids count as little-endian int32, some rows at a time.

    Returns:
        sha256 in hexadecimal.
    """
    blocks, block_size = input_ids.shape
    header = {"packing": packing, "blocks": blocks, "block_size": block_size, "tokenizer": tokenizer}
    if marks.begin:
        header["begin"] = list(marks.begin)
    digest = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    for tensor in (input_ids,) if context is None else (input_ids, context):
        for begin in range(0, blocks, _HASHED_ROWS):
            digest.update(tensor[begin : begin + _HASHED_ROWS].numpy().astype("<i4").tobytes())
    return digest.hexdigest()


def hash_counts(census: Tensor) -> str:
    """Identify a text by its token counts (T,): the first 16 digits of a sha256."""
    return hashlib.sha256(census.numpy().astype("<i8").tobytes()).hexdigest()[:16]


def _taken(ids: Tensor, rows: Tensor | slice | int) -> Tensor:
    """Index blocks. PyTorch 2.8 picks no rows of uint16, but it does of the same bits as int16."""
    return ids.view(torch.int16)[rows].view(ids.dtype) if ids.dtype == torch.uint16 else ids[rows]


def _is_any(ids: Tensor, wanted: Iterable[int]) -> Tensor:
    """Tell where (...) ids are any of a few."""
    return torch.isin(ids, torch.tensor(list(wanted)))
