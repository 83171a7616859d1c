"""Losses that push a batch towards collapse, each differentiable and free of the features' scale."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

LEAST = 0.01
"""Of the mean squared distance of two means: added to each, so that two means that meet leave the loss finite."""

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
    means, counts, own = _class_means(features, labels)
    scatter = counts.new_zeros(len(counts)).index_add_(0, own, (features - means[own]).square().sum(dim=1))
    twice = counts >= 2
    if int(twice.sum()) < 2:
        return features.sum() * 0
    variances, means = scatter[twice] / (counts[twice] - 1), means[twice]
    first, second = torch.triu_indices(len(means), len(means), offset=1, device=means.device)
    squared = means.square().sum(dim=1)
    distances = (squared[:, None] + squared - 2 * means @ means.T).clamp_min(0)[first, second]
    apart = (distances + LEAST * distances.mean()).clamp_min(torch.finfo(distances.dtype).tiny)  # all may coincide
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
    centred = features - features.mean(dim=0)
    return (1 - torch.nn.functional.cosine_similarity(weight[labels].to(centred.dtype), centred, dim=1)).mean()


def uniformity(features: Tensor, labels: Tensor, weight: Tensor | None = None) -> Tensor:
    """Unevenness of the class means on the sphere (Wang and Isola, arXiv 2005.10242), smaller is more even.

    ``log mean exp(-SHARPNESS |u_c - u_c'|^2)`` over pairs of the classes in the batch, u_c the direction of the class
    mean from the mean of the class means, as GNC2 takes it. The log kernel of GNC2 itself has no gradient where two
    means meet, which in a batch they do.

    Args:
        features: (N, D).
        labels: (N,), the next tokens.
        weight: not used.

    Returns:
        A scalar from -4 SHARPNESS to 0; 0, with a gradient of 0, where there are fewer than two classes.
    """
    means, _, _ = _class_means(features, labels)
    if len(means) < 2:
        return features.sum() * 0
    directions = torch.nn.functional.normalize(means - means.mean(dim=0), dim=1)
    first, second = torch.triu_indices(len(means), len(means), offset=1, device=means.device)
    distances = 2 - 2 * (directions @ directions.T)[first, second]
    return torch.logsumexp(-SHARPNESS * distances, dim=0) - torch.log(distances.new_tensor(float(len(distances))))


LOSSES: dict[str, Loss] = {"cdnv": batch_cdnv, "duality": duality, "uniformity": uniformity}


def _class_means(features: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the means (K, D) and counts (K,) of the classes of a batch, and each token's place among them (N,)."""
    classes, own = torch.unique(labels, return_inverse=True)
    counts = torch.zeros(len(classes), dtype=features.dtype, device=features.device)
    counts.index_add_(0, own, torch.ones_like(own, dtype=features.dtype))
    sums = features.new_zeros(len(classes), features.shape[1]).index_add_(0, own, features)
    return sums / counts[:, None], counts, own
