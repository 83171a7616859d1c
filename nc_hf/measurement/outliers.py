"""Positions whose features are far longer than those of all others: massive activations, attention sinks.

Many models let a few positions, mostly the first, carry a feature that is tens or thousands of times as long
as any other (Sun et al., arXiv 2402.17762). Pooled with ordinary tokens they are most of a layer's variance, and all
that its class means would tell apart. The final norm takes them back, so the features of the head are not concerned.
"""

from __future__ import annotations

import torch
from torch import Tensor

RATIO = 5.0
"""A position is far from the rest where its features are on average so many times as long as those of the median one.
Without such an activation the first one is up to 2.3 times as long (stories260K, every layer)."""


def norms_by_position(features: Tensor, positions: Tensor, length: int) -> Tensor:
    """Return (2, length) float64: of each position the sum of |h| over its tokens, and how many these are.

    Args:
        features: (N, D).
        positions: (N,) int64, from 0.
        length: of a row, above every position.
    """
    norms = torch.linalg.vector_norm(features.float(), dim=1).double().cpu()
    sums = torch.zeros(2, length, dtype=torch.float64)
    sums[0].index_add_(0, positions.cpu(), norms)
    sums[1].index_add_(0, positions.cpu(), torch.ones_like(norms))
    return sums


def outlying_positions(sums: Tensor) -> Tensor:
    """Return the places (int64, ascending) whose mean norm is over ``RATIO`` times that of the median one.

    Args:
        sums: as of `norms_by_position`, added up over batches and processes.

    >>> outlying_positions(torch.tensor([[900.0, 6.0, 2.0, 4.0], [3.0, 3.0, 1.0, 2.0]])).tolist()
    [0]
    """
    seen = sums[1] > 0
    if not bool(seen.any()):
        return torch.empty(0, dtype=torch.int64)
    means = sums[0] / sums[1].clamp(min=1)
    return (seen & (means > RATIO * means[seen].median())).nonzero().squeeze(1)
