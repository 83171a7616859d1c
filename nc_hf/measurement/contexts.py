"""Places of single tokens in a text, with the text before them: what a class's features are made of."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from nc_hf.corpus.blocks import TokenBlocks
from nc_hf.corpus.vocabulary import legible
from nc_hf.hub.encoding import decoded
from nc_hf.runtime.hashing import mixed

BEFORE = 32
"""Tokens that a context is read from; where they spell more than `legible` keeps, their end stands."""
_ROWS = 256  # of which the tokens are looked at together
_BROKEN = "\N{REPLACEMENT CHARACTER}"


def contexts_of(blocks: TokenBlocks, token_ids: Tensor, most: int, tokenizer: Any) -> list[list[str]]:
    """Quote the text before some of the places where each of some tokens was to be predicted.

    Of every token these are the ``most`` places with the smallest hash: an even choice from the whole text, by the
    places alone, so that processes, batches and restarts make no difference.

    Args:
        blocks: that were read.
        token_ids: (n,) int64, each once.
        most: contexts of a token; fewer where it stands at fewer places.
        tokenizer: spells the tokens.

    Returns:
        The contexts of each token, as `quote` gives them.
    """
    chosen: list[list[str]] = [[] for _ in token_ids]
    whose, places = _choose(blocks, token_ids, most)
    for number, place in zip(whose.tolist(), places.tolist(), strict=True):
        row, at = divmod(place, blocks.block_size)
        chosen[number].append(quote(blocks.input_ids[row, max(0, at - BEFORE) : at].tolist(), blocks, tokenizer))
    return chosen


def quote(before: list[int], blocks: TokenBlocks, tokenizer: Any) -> str:
    """Spell the tokens before one: from the beginning of its document on, where documents are read apart.

    Bytes at either end that are no whole character are left out, and what cannot be seen is escaped.
    """
    begin = blocks.marks.begin[:1]
    starts = [place for place, token_id in enumerate(before) if token_id in begin]
    text = decoded(tokenizer, before[starts[-1] if starts else 0 :])
    return legible(text.strip(_BROKEN))


def _choose(blocks: TokenBlocks, token_ids: Tensor, most: int) -> tuple[Tensor, Tensor]:
    """Choose places for each token; memory is that of some rows.

    Returns:
        (m,) which of the tokens, those of one together, and (m,) the places, counted over all blocks, by their hash.
    """
    ids, number = token_ids.cpu().sort()
    whose = places = hashes = torch.empty(0, dtype=torch.int64)
    worst = torch.full((len(ids),), torch.iinfo(torch.int64).max)  # beyond which no place of a token is taken any more
    for first in range(0, len(blocks), _ROWS):
        labels = blocks.labels(slice(first, first + _ROWS))
        labels[:, 0] = -1  # which nothing predicts
        labels = labels.flatten()
        at = torch.searchsorted(ids, labels).clamp(max=len(ids) - 1)
        new = (ids[at] == labels).nonzero().squeeze(1)
        at, hashed = at[new], mixed(new + first * blocks.block_size)
        better = hashed <= worst[at]
        whose = torch.cat([whose, at[better]])
        places = torch.cat([places, new[better] + first * blocks.block_size])
        hashes = torch.cat([hashes, hashed[better]])
        order = hashes.argsort(stable=True)
        order = order[whose[order].argsort(stable=True)]
        whose, places, hashes = whose[order], places[order], hashes[order]
        rank = torch.arange(len(whose)) - torch.searchsorted(whose, whose)
        kept = rank < most
        worst[whose[rank == most - 1]] = hashes[rank == most - 1]
        whose, places, hashes = whose[kept], places[kept], hashes[kept]
    return number[whose], places
