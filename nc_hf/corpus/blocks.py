"""Texts to token blocks: two ways of packing, where documents begin, and a fingerprint of the whole."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from nc_hf.errors import CorpusError, InputError, TokenizerError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from transformers import PreTrainedTokenizerBase

PACKINGS = ("documents", "paper")
PAPER_GROUP = 1000
"""Texts that the study concatenates before it cuts: the batch of ``datasets.Dataset.map``."""

_BATCH = 256
_HASHED_ROWS = 4096


@dataclass(frozen=True, eq=False)
class TokenBlocks:
    """Blocks of tokens that a model reads one by one; also a map-style data set for a ``DataLoader``.

    Attributes:
        input_ids: (B, L) int32; a block by its number, ``blocks[i]``, is int64, as models take it.
        document_ids: (B, L) int32, the number of the document of each token, from 0 in the corpus's own order and
            never falling; an end-of-text token belongs to the document that it ends.
        fingerprint: sha256 of token ids, packing, block size and tokenizer, in hexadecimal. Of the whole: a shard
            keeps it.
        packing: "documents" or "paper".
        source: the corpus, as named by the user.
        split: the split that was read.
        tokenizer_hash: as of `tokenizer_hash`.
        eot_id: the token that was put between documents, None if none was.
    """

    input_ids: Tensor
    document_ids: Tensor
    fingerprint: str
    packing: str
    source: str
    split: str
    tokenizer_hash: str
    eot_id: int | None

    def __len__(self) -> int:
        """Count the blocks."""
        return len(self.input_ids)

    def __getitem__(self, row: int) -> dict[str, Tensor]:
        """Return one block, ``input_ids`` (L,)."""
        return {"input_ids": self.input_ids[row].long()}

    @property
    def block_size(self) -> int:
        """Tokens a block, L."""
        return self.input_ids.shape[1]

    @property
    def num_labels(self) -> int:
        """Positions with a next token, B(L-1): the first token of a block is predicted by nothing."""
        return len(self) * (self.block_size - 1)

    @property
    def num_documents(self) -> int:
        """Count the documents of which at least one token is in the blocks."""
        numbers = self.document_ids.flatten()
        return 0 if len(numbers) == 0 else 1 + int((numbers[1:] != numbers[:-1]).sum())

    def shard(self, index: int, count: int) -> TokenBlocks:
        """Return every ``count``-th block from block ``index`` on, counted from 1; all shards together are the whole.

        Raises:
            InputError: unless 1 <= index <= count.
        """
        if not 1 <= index <= count:
            raise InputError(f"There is no shard {index} of {count}: count from 1 to {max(count, 1)}.")
        mine = slice(index - 1, None, count)
        return replace(self, input_ids=self.input_ids[mine], document_ids=self.document_ids[mine])


def pack_texts(
    texts: Iterable[str],
    tokenizer: PreTrainedTokenizerBase,
    block_size: int,
    *,
    packing: str = "documents",
    max_tokens: int | None = None,
    source: str = "texts",
    split: str = "all",
    progress: Callable[[int], None] | None = None,
) -> TokenBlocks:
    """Tokenise texts and cut them into blocks; nothing is padded and nothing is cut off but the last tokens.

    With packing "documents" all texts make one sequence, with one end-of-text token between two of them, and what is
    left after the last whole block is dropped. A tokenizer that itself puts a special token at the beginning or end of
    a text (as Llama's ``<s>``) already marks where documents begin: then no further token is put. Texts without words
    are left out.

    With packing "paper" texts are concatenated with no separator in groups of 1,000, each group is cut by itself and
    what is left of it is dropped: what arXiv 2405.17767 did, through transformers' ``run_clm.py``.

    Texts are tokenised as by ``tokenizer(text)``. So a text that spells out a special token, such as
    ``<|endoftext|>``, holds that token; document boundaries come from the texts and not from tokens, and stay as
    they are.

    Args:
        texts: documents, read once and only as far as needed.
        tokenizer: of the model that will read the blocks.
        block_size: tokens a block, L.
        packing: "documents" or "paper".
        max_tokens: the most labelled positions, B(L-1), to return, rounded down to whole blocks but one at the least;
            None takes everything.
        source: recorded in the blocks.
        split: recorded in the blocks.
        progress: called with the tokens of each group of texts; what it raises ends the packing.

    Raises:
        InputError: an argument that cannot be meant.
        TokenizerError: packing "documents" with a tokenizer that has no way to mark a document's end, or one that
            breaks down on the text.
        CorpusError: no text, or fewer tokens than a block.
    """
    _check_arguments(block_size, packing, max_tokens)
    eot_id = _separator(tokenizer) if packing == "documents" else None
    group = _BATCH if packing == "documents" else PAPER_GROUP
    wanted = None if max_tokens is None else max(1, max_tokens // (block_size - 1)) * block_size
    cut: list[NDArray[np.int32]] = []  # (2, whole blocks) each: token ids above document numbers
    rest = np.empty((2, 0), dtype=np.int32)
    total = kept = 0
    for tokens in _token_groups(texts, tokenizer, group, eot_id, keep_blank=packing == "paper"):
        total += tokens.shape[1]
        if progress is not None:
            progress(tokens.shape[1])
        sequence = np.concatenate([rest, tokens], axis=1) if packing == "documents" else tokens
        whole = sequence.shape[1] // block_size * block_size
        cut.append(sequence[:, :whole])
        rest = sequence[:, whole:]
        kept += whole
        if wanted is not None and kept >= wanted:
            break
    if kept == 0:
        raise _too_short(total, block_size, packing, f"{source!r} ({split})")
    ids, documents = torch.from_numpy(np.concatenate(cut, axis=1)[:, :wanted]).view(2, -1, block_size)
    belongs = tokenizer_hash(tokenizer)
    return TokenBlocks(ids, documents, fingerprint(ids, packing, belongs), packing, source, split, belongs, eot_id)


def tokenizer_hash(tokenizer: PreTrainedTokenizerBase) -> str:
    """Identify what a tokenizer does to a text: sha256 of its own description, in hexadecimal.

    A fast tokenizer is described by its ``tokenizer.json``, save truncation and padding, which a call may change;
    another one by its class, vocabulary and special tokens.
    """
    if tokenizer.is_fast:
        description = json.loads(tokenizer.backend_tokenizer.to_str())
        description.update(truncation=None, padding=None)
    else:
        description = [type(tokenizer).__name__, tokenizer.get_vocab(), [str(t) for t in tokenizer.all_special_tokens]]
    return hashlib.sha256(json.dumps(description, sort_keys=True).encode()).hexdigest()


def _check_arguments(block_size: int, packing: str, max_tokens: int | None) -> None:
    if block_size < 2:
        raise InputError(f"A block of {block_size} has no next token to predict: pass a block_size of 2 or more.")
    if packing not in PACKINGS:
        raise InputError(f"There is no packing {packing!r}: choose {' or '.join(PACKINGS)}.")
    if max_tokens is not None and max_tokens < 1:
        raise InputError(f"max_tokens is {max_tokens}: pass a positive number, or None for the whole corpus.")


def _separator(tokenizer: PreTrainedTokenizerBase) -> int | None:
    """Return the token to put between documents, None if the tokenizer marks them itself."""
    if tokenizer.num_special_tokens_to_add() > 0:
        return None
    if tokenizer.eos_token_id is None:
        raise TokenizerError(
            "The tokenizer has no end-of-text token to put between documents: set tokenizer.eos_token to the one that "
            "its model was trained with, or use packing='paper', which puts none."
        )
    return int(tokenizer.eos_token_id)


def _token_groups(
    texts: Iterable[str], tokenizer: PreTrainedTokenizerBase, size: int, eot_id: int | None, *, keep_blank: bool
) -> Iterator[NDArray[np.int32]]:
    """Tokenise ``size`` texts at a time; yields (2, n): token ids above document numbers.

    With ``eot_id``, that token stands before each document but the first, and belongs to the document before it.
    """
    remaining = iter(texts)
    between = [] if eot_id is None else [eot_id]
    number, last = 0, None
    while group := list(islice(remaining, size)):
        pieces: list[NDArray[np.int32]] = []
        for text, ids in zip(group, _tokenise(group, tokenizer), strict=True):
            if len(ids) and (keep_blank or text.strip()):
                if last is not None and between:
                    pieces.append(_owned(between, last))
                pieces.append(_owned(ids, number))
                last = number
            number += 1
        yield np.concatenate([np.empty((2, 0), dtype=np.int32), *pieces], axis=1)


def _owned(ids: list[int], document: int) -> NDArray[np.int32]:
    return np.stack([np.asarray(ids, dtype=np.int32), np.full(len(ids), document, dtype=np.int32)])


def _tokenise(texts: list[str], tokenizer: PreTrainedTokenizerBase) -> list[list[int]]:
    try:
        encoded = tokenizer(texts, padding=False, truncation=False, return_attention_mask=False, verbose=False)
    except (TypeError, UnicodeError) as error:  # what tokenizers make of None, numbers and lone surrogates
        raise CorpusError("The corpus holds something that is not Unicode text: clean or drop that row.") from error
    except BaseException as panic:
        if type(panic).__name__ != "PanicException":  # what Rust raises in Python is no Exception
            raise
        raise TokenizerError("The tokenizer broke down on the text: name another tokenizer or text.") from panic
    ids: list[list[int]] = encoded["input_ids"]
    return ids


def _too_short(total: int, block_size: int, packing: str, corpus: str) -> CorpusError:
    if total == 0:
        return CorpusError(f"The corpus {corpus} has no text: name one that does, or another split.")
    if packing == "paper":
        return CorpusError(
            f"No group of {PAPER_GROUP:,} texts of the corpus {corpus} fills a block of {block_size:,} tokens: "
            "give more text or a smaller block_size."
        )
    return CorpusError(
        f"The corpus {corpus} has {total:,} tokens, less than one block of {block_size:,}: "
        "give more text or a smaller block_size."
    )


def fingerprint(input_ids: Tensor, packing: str, tokenizer: str) -> str:
    """Hash blocks (B, L) with what made them, a packing and a `tokenizer_hash`: sha256 in hexadecimal.

    The ids count as little-endian int32, some rows at a time.
    """
    blocks, block_size = input_ids.shape
    header = {"packing": packing, "blocks": blocks, "block_size": block_size, "tokenizer": tokenizer}
    digest = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    for begin in range(0, blocks, _HASHED_ROWS):
        digest.update(input_ids[begin : begin + _HASHED_ROWS].numpy().astype("<i4").tobytes())
    return digest.hexdigest()
