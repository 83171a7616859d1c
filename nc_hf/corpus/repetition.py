"""How much of a text stood before in the same text, word for word."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

WINDOW = 32
"""Tokens that have to agree, a power of two: prose does not repeat as many by chance, one sentence has hardly more."""

_MOST = 2_000_000  # windows that are kept: more are thinned out by their content, so that like stays beside like
_ROWS = 1024
_BASE = np.array([0x9E3779B97F4A7C15], dtype=np.uint64)  # odd, so that a product with it loses nothing


def repeated_share(input_ids: Tensor, context: Tensor | None = None) -> float:
    """Return the share of runs of ``WINDOW`` neighbouring tokens of a block that stood before, in any block.

    Args:
        input_ids: (B, L) token ids; where blocks are shorter, runs have the largest power of two that fits.
        context: (B,) with how many tokens each block begins that an earlier block held already: runs within them are
            left out; None if no block has any.

    Returns:
        A share in [0, 1]; of more than two million runs it is taken over a part that their content chooses.
    """
    blocks, length = input_ids.shape
    window = min(WINDOW, 1 << length.bit_length() - 1)
    step = max(1, blocks * (length - window + 1) // _MOST)
    first = np.zeros(blocks) if context is None else context.numpy()
    ends = np.arange(window - 1, length)
    kept = []
    for begin in range(0, blocks, _ROWS):
        rows = slice(begin, begin + _ROWS)
        hashes = _mixed(_run_hashes(input_ids[rows].numpy(), window))
        kept.append(hashes[(hashes % np.uint64(step) == 0) & (ends >= first[rows, None])])
    runs = np.concatenate(kept)
    return 1 - len(np.unique(runs)) / len(runs) if len(runs) else 0.0


def _run_hashes(ids: NDArray[np.int32], window: int) -> NDArray[np.uint64]:
    """Hash every run of ``window`` ids, a power of two, of each row: sum_i f(id_i) base^(window - 1 - i) modulo 2^64.

    Returns:
        (B, L - window + 1): a run twice as long has the hash of its first half, raised, and that of its second.
    """
    hashes, raised, width = _mixed(ids.astype(np.uint64) + np.uint64(1)), _BASE, 1
    while width < window:
        hashes = hashes[:, :-width] * raised + hashes[:, width:]
        raised, width = raised * raised, 2 * width
    return hashes


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Spread values over all 64 bits, each to another one (the end of splitmix64)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: NDArray[np.uint64] = values ^ (values >> np.uint64(31))
    return mixed
