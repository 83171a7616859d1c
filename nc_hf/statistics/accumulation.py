"""The loop that every token goes through: its feature is added to the sums of its class.

There are two of it. In torch, on any device, it is five passes over chunks that stay in the cache. Where numba is
installed (the extra ``fast``), the sums are on the CPU and no few tokens are to come, it is one pass compiled at first
use, on one thread, about twice as fast (``benchmarks/update_vs_onehot.py``). They agree to the rounding of float64.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any

import torch
from torch import Tensor

# Rows converted to float64 at a time: small enough that a chunk stays in the cache between the three reads of it.
_CHUNK_ELEMENTS = 1 << 18
COMPILED_FROM = 1 << 21
"""Tokens from which on it takes less to import numba and compile the loop than it saves."""
_expected: ContextVar[int | None] = ContextVar("tokens that are expected", default=None)


@contextmanager
def expecting(tokens: int) -> Iterator[None]:
    """Say how many tokens will come in all: for a few nothing is compiled. The choice depends on nothing else."""
    token = _expected.set(tokens)
    try:
        yield
    finally:
        _expected.reset(token)


def add_rows(
    features: Tensor, rows: Tensor, pivot: Tensor, sums: Tensor, squares: Tensor, moment: Tensor | None = None
) -> None:
    """Add ``h - pivot`` to the sum of its class, and its square to the square, for every feature ``h``.

    Args:
        features: (N, D) of any float dtype, on the device of the sums.
        rows: (N,) int64, which row of the sums each feature goes to.
        pivot: (D,) float64, subtracted from each feature before it is added.
        sums: (C, D) float64, changed in place.
        squares: (C,) float64, of the norms, changed in place.
        moment: (D, D) float64, the second moment of all features, changed in place if there is one.
    """
    expected = _expected.get()
    many = expected is None or expected >= COMPILED_FROM
    loop = fused_loop() if many and moment is None and sums.device.type == "cpu" else None
    if loop is None:
        _add_in_chunks(features, rows, pivot, sums, squares, moment)
        return
    if features.dtype not in (torch.float32, torch.float64):
        features = features.float()  # NumPy does not know bfloat16, and every half has its equal in float32
    loop(features.contiguous().numpy(), rows.numpy(), pivot.numpy(), sums.numpy(), squares.numpy())


@cache
def fused_loop() -> Callable[..., None] | None:
    """Return the loop in one pass, if numba is there to compile it."""
    try:
        from numba import njit
    except ImportError:  # also where its version does not bear the NumPy at hand
        return None
    # Sums may be reordered, which is what lets them run on vectors; NaN and Inf keep their meaning.
    compiled: Callable[..., None] = njit(nogil=True, fastmath={"reassoc", "contract"})(_loop)
    return compiled


def _loop(features: Any, rows: Any, pivot: Any, sums: Any, squares: Any) -> None:
    for token in range(features.shape[0]):
        feature, total = features[token], sums[rows[token]]
        square = 0.0
        for axis in range(features.shape[1]):
            shifted = feature[axis] - pivot[axis]  # in float64, as the pivot is
            total[axis] += shifted
            square += shifted * shifted
        squares[rows[token]] += square


def _add_in_chunks(
    features: Tensor, rows: Tensor, pivot: Tensor, sums: Tensor, squares: Tensor, moment: Tensor | None
) -> None:
    size = max(1, _CHUNK_ELEMENTS // features.shape[1])
    buffer = torch.empty(min(size, len(rows)), features.shape[1], dtype=torch.float64, device=sums.device)
    norms = torch.empty(len(rows), dtype=torch.float64, device=sums.device)
    for start in range(0, len(rows), size):
        part = slice(start, min(start + size, len(rows)))
        shifted = buffer[: part.stop - start].copy_(features[part]).sub_(pivot)
        sums.index_add_(0, rows[part], shifted)
        torch.linalg.vector_norm(shifted, dim=1, out=norms[part])
        if moment is not None:
            moment.addmm_(shifted.T, shifted)
    squares.index_add_(0, rows, norms.square_())


def grown(tensor: Tensor, rows: int) -> Tensor:
    """Zero-extend the first axis to ``rows``, over-allocating so that repeated growth stays linear.

    What is allocated beyond is left alone, so that the system has to give it no memory yet.
    """
    storage_rows = tensor.untyped_storage().nbytes() // max(1, tensor.element_size() * tensor[:1].numel() or 1)
    row_shape = tensor.shape[1:]
    if tensor.numel() and storage_rows >= rows:
        room = tensor.as_strided((rows, *row_shape), tensor.stride())
    else:
        capacity = max(rows, 2 * len(tensor))
        room = torch.empty((capacity, *row_shape), dtype=tensor.dtype, device=tensor.device)[:rows]
        room[: len(tensor)] = tensor
    room[len(tensor) :] = 0
    return room
