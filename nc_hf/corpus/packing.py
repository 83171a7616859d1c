"""Texts to blocks of tokens: as one sequence, as documents that each begin with their mark, or as the paper did."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from nc_hf.corpus.blocks import TokenBlocks
from nc_hf.corpus.marks import NO_MARKS, Marks, Spelled, document_marks, own_marks
from nc_hf.corpus.stores import Store
from nc_hf.corpus.tokens import checked, tokenise, tokenizer_hash
from nc_hf.corpus.writers import BegunBlocks, Sequence, Writer
from nc_hf.errors import CorpusError, InputError, TokenizerError
from nc_hf.errors.remedies import Remedy

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_LOG = logging.getLogger("nc_hf.corpus")

PACKINGS = ("documents", "paper")
PAPER_GROUP = 1000
"""Texts that the study concatenates before it cuts: the batch of ``datasets.Dataset.map``."""


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
    store: Store | None = None,
) -> TokenBlocks:
    """Tokenise texts and cut them into blocks; nothing is padded and nothing is cut off but the last tokens.

    With packing "documents" it depends on the tokenizer how a text is marked (`nc_hf.corpus.marks.document_marks`):

    - If it puts nothing around a text, all texts make one sequence, with one end-of-text token between two of them. If
      it ends a text itself, that is the token between two of them.
    - If it puts a token in front of a text, as Llama's ``<s>``, each document begins with it and so does each block,
      and it is never to be predicted. A document that does not fit into the rest of a block is cut there and goes on in
      the next block after its mark and as much of what came before as fits into half of a block, which is read again
      but not predicted again. So every token is predicted once, from the beginning of its document if that is not far.

    Marks that a text spells itself are not doubled. Texts without words are left out.

    With packing "paper" texts are concatenated with no separator in groups of 1,000, each group is cut by itself and
    what is left of it is dropped: what arXiv 2405.17767 did, through transformers' ``run_clm.py``. There texts are
    tokenised as by ``tokenizer(text)``, and every token is to be predicted.

    Args:
        texts: documents, read once and only as far as needed.
        tokenizer: of the model that will read the blocks.
        block_size: tokens a block, L.
        packing: "documents" or "paper".
        max_tokens: the most tokens to predict, rounded down to whole blocks but one at the least; None takes all.
        source: recorded in the blocks.
        split: recorded in the blocks.
        progress: called with the tokens of each group of texts; what it raises ends the packing.
        store: where blocks go as they are made; default: into memory.

    Raises:
        InputError: an argument that cannot be meant.
        TokenizerError: packing "documents" with a tokenizer that has no way to mark a document's end, or one that
            breaks down on the text.
        CorpusError: no text, or fewer tokens than a block.
    """
    _check_arguments(block_size, packing, max_tokens)
    marks = document_marks(tokenizer) if packing == "documents" else own_marks(tokenizer)
    eot_id = _separator(tokenizer, marks) if packing == "documents" else None
    if marks.note:
        _LOG.warning(marks.note)
    if packing == "paper":
        documents: Iterable[tuple[int, str]] = ((number, checked(text)) for number, text in enumerate(texts))
        writer: Writer = Sequence(block_size, marks, None, PAPER_GROUP, store)
        marks = NO_MARKS  # as the paper had it, they are tokens like others
    else:
        documents = _documents(texts, Spelled(tokenizer, marks, eot_id))
        writer = (
            BegunBlocks(block_size, marks, store) if marks.begin else Sequence(block_size, marks, eot_id, store=store)
        )
    for group in tokenise(documents, tokenizer):
        before = writer.tokens
        writer.add(group)
        if progress is not None:
            progress(writer.tokens - before)
        if max_tokens is not None and writer.labels >= max_tokens:
            break
    if not writer.labels:
        raise _too_short(writer.tokens, block_size, packing, f"{source!r} ({split})")
    ids, numbers, context = writer.blocks()
    belongs = tokenizer_hash(tokenizer)
    blocks = TokenBlocks(ids, numbers, "", packing, source, split, belongs, eot_id, marks, context)
    if max_tokens is not None:
        totals = np.cumsum(blocks.label_counts())
        blocks = blocks.rows(slice(max(1, int(np.searchsorted(totals, max_tokens, side="right")))))
    return replace(blocks, fingerprint=blocks.content_hash())


def _check_arguments(block_size: int, packing: str, max_tokens: int | None) -> None:
    if block_size < 2:
        raise InputError(f"A block of {block_size} has no next token to predict: pass a block_size of 2 or more.")
    if packing not in PACKINGS:
        raise InputError(f"There is no packing {packing!r}: choose {' or '.join(PACKINGS)}.")
    if max_tokens is not None and max_tokens < 1:
        raise InputError(f"max_tokens is {max_tokens}: pass a positive number, or None for the whole corpus.")


def _separator(tokenizer: PreTrainedTokenizerBase, marks: Marks) -> int | None:
    """Return the token to put between documents, None if the tokenizer marks them itself."""
    if marks.begin or marks.end:
        return None
    if tokenizer.eos_token_id is None:
        raise TokenizerError("The tokenizer has no end-of-text token to put between documents", Remedy.END_OF_TEXT)
    return int(tokenizer.eos_token_id)


def _documents(texts: Iterable[str], spelled: Spelled) -> Iterator[tuple[int, str]]:
    """Number the documents by the texts that they are in, and leave out those without words."""
    for number, text in enumerate(texts):
        yield from ((number, document) for document in spelled.documents(checked(text)))


def _too_short(total: int, block_size: int, packing: str, corpus: str) -> CorpusError:
    if total == 0:
        return CorpusError(f"The corpus {corpus} has no text: name one that does, or another split.")
    if packing == "paper":
        return CorpusError(
            f"No group of {PAPER_GROUP:,} texts of the corpus {corpus} fills a block of {block_size:,} tokens",
            Remedy.LONGER_TEXT,
        )
    return CorpusError(
        f"The corpus {corpus} has {total:,} tokens, less than one block of {block_size:,}", Remedy.LONGER_TEXT
    )
