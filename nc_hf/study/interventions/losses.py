"""Losses that push a batch towards collapse, each differentiable and free of the features' scale."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

LEAST = 0.01
"""Of the mean, of squared distances of means and of their lengths: where some vanish, no gradient grows without end."""

SHARPNESS = 2.0
"""Of the Gaussian kernel on the sphere, as Wang and Isola (arXiv 2005.10242) take it."""

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Of features (N, D), labels (N,) and the head's weight (V, D): a scalar."""


def batch_cdnv(features: Tensor, labels: Tensor, weight: Tensor | None = None) -> Tensor:
    """Class-distance-normalised variance of a batch (Galanti et al., arXiv 2112.15121), smaller is more collapsed.

    The mean, over pairs of the classes that the batch has twice or more, of
    ``(s_c + s_c') / (2 (d_cc' + LEAST mean d))``. There s_c is the unbiased variance of class c, summed over its
    dimensions, d_cc' the squared distance of two means, and mean d its mean over these pairs. Nothing is subtracted for
    the noise of the means.

    Args:
        features: (N, D).
        labels: (N,), the next tokens.
        weight: not used.

    Returns:
        A scalar; 0, with a gradient of 0, where fewer than two classes come twice.
    """
    features = _centred(features)
    means, counts, own = _class_means(features, labels)
    scatter = counts.new_zeros(len(counts)).index_add_(0, own, (features - means[own]).square().sum(dim=1))
    twice = counts >= 2
    if int(twice.sum()) < 2:
        return features.sum() * 0
    variances, means = scatter[twice] / (counts[twice] - 1), means[twice]
    first, second = _pairs(means)
    distances = _squared_distances(means, first, second)
    apart = _at_least_tiny(distances + LEAST * distances.mean())
    return ((variances[first] + variances[second]) / (2 * apart)).mean()


def duality(features: Tensor, labels: Tensor, weight: Tensor) -> Tensor:
    """Distance from self-duality: the mean over tokens of ``1 - cos(w_y, h - g)``, g the mean of the batch's features.

    Args:
        features: (N, D).
        labels: (N,), the next tokens y.
        weight: (V, D) of the head, whose rows w are pulled too unless they are fixed.

    Returns:
        A scalar from 0 (NC3 = 1) to 2.
    """
    centred = _centred(features)
    return (1 - torch.nn.functional.cosine_similarity(weight[labels].to(centred.dtype), centred, dim=1)).mean()


def uniformity(features: Tensor, labels: Tensor, weight: Tensor | None = None) -> Tensor:
    """Unevenness of the class means on the sphere (Wang and Isola, arXiv 2005.10242), smaller is more even.

    ``log mean exp(-SHARPNESS |u_c - u_c'|^2)`` over pairs of the classes in the batch, u_c the direction of the class
    mean from the mean of the class means, as GNC2 takes it. The log kernel of GNC2 itself has no gradient where two
    means meet, which in a batch they do. A direction has none where a mean meets their centre: within LEAST of the mean
    length of it, u_c is the shorter the nearer.

    Args:
        features: (N, D).
        labels: (N,), the next tokens.
        weight: not used.

    Returns:
        A scalar from -4 SHARPNESS to 0; 0, with a gradient of 0, where there are fewer than two classes.
    """
    means, _, _ = _class_means(_centred(features), labels)
    if len(means) < 2:
        return features.sum() * 0
    means = means - means.mean(dim=0)
    lengths = means.norm(dim=1, keepdim=True)
    directions = means / _at_least_tiny(torch.maximum(lengths, LEAST * lengths.mean()))
    distances = _squared_distances(directions, *_pairs(directions))
    return torch.logsumexp(-SHARPNESS * distances, dim=0) - torch.log(distances.new_tensor(float(len(distances))))


LOSSES: dict[str, Loss] = {"cdnv": batch_cdnv, "duality": duality, "uniformity": uniformity}


def _class_means(features: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the means (K, D) and counts (K,) of the classes of a batch, and each token's place among them (N,)."""
    classes, own = torch.unique(labels, return_inverse=True)
    counts = torch.zeros(len(classes), dtype=features.dtype, device=features.device)
    counts.index_add_(0, own, torch.ones_like(own, dtype=features.dtype))
    sums = features.new_zeros(len(classes), features.shape[1]).index_add_(0, own, features)
    return sums / counts[:, None], counts, own


def _centred(features: Tensor) -> Tensor:
    """Subtract the mean of a batch and then what rounding left of it, so that a shared offset costs no digits."""
    once = features - features.mean(dim=0)
    return once - once.mean(dim=0)


def _pairs(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Return the first and the second of each pair of rows."""
    first, second = torch.triu_indices(len(rows), len(rows), offset=1, device=rows.device)
    return first, second


def _squared_distances(rows: Tensor, first: Tensor, second: Tensor) -> Tensor:
    squared = rows.square().sum(dim=1)
    return (squared[:, None] + squared - 2 * rows @ rows.T).clamp_min(0)[first, second]


def _at_least_tiny(values: Tensor) -> Tensor:
    """Let all be divided by, where every feature of a batch is the same and nothing has a length."""
    return values.clamp_min(torch.finfo(values.dtype).tiny)
