"""Noisy classes in NumPy, and all metrics of them, for the identities that the metrics obey."""

from __future__ import annotations

import numpy as np
import torch

from nc_hf import ClassifierHead, ClassStatistics, compute_metrics
from nc_hf.metrics.decisions import count_agreement

SHAPES = {"K > D": (30, 8), "K < D": (7, 20), "K = 2": (2, 5), "K = D + 1": (9, 8), "D = 1": (6, 1)}
# A value that is 0 as the root of a - b, with a and b of order 1 and each good to 1e-16.
ZERO = 1e-7


def tokens(seed: int, K: int, D: int, per_class: int = 6) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features (N, D) of K noisy classes off the origin, labels (N,), and a head (K, D) that knows a little of them."""
    rng = np.random.default_rng(seed)
    means = 0.4 + rng.normal(size=(K, D))
    labels = np.repeat(np.arange(K), per_class)
    features = means[labels] + 0.6 * rng.normal(size=(len(labels), D))
    return features, labels, 0.5 * means + rng.normal(size=(K, D))


def statistics(features: np.ndarray, labels: np.ndarray, **options: bool) -> ClassStatistics:
    stats = ClassStatistics(features.shape[1], **options)
    stats.update(torch.from_numpy(features), torch.from_numpy(labels))
    return stats


def metrics(
    features: np.ndarray, labels: np.ndarray, weight: np.ndarray, linear: np.ndarray | None = None
) -> dict[str, float]:
    """All metrics, with NC4 against the decisions ``linear``, which are the head's own unless given."""
    stats = statistics(features, labels, covariance=True)
    linear = (features @ weight.T).argmax(axis=1) if linear is None else linear
    counts = count_agreement(
        stats,
        torch.from_numpy(features),
        torch.from_numpy(labels),
        torch.from_numpy(linear),
        leave_one_out=False,
    )
    head = ClassifierHead(weight=torch.from_numpy(weight), bias=None)
    categories = {int(c): int(c) % 3 for c in labels}
    return compute_metrics(stats, head, preset="full", min_count=1, agreement=counts, categories=categories)


def centred_means(features: np.ndarray, labels: np.ndarray) -> np.ndarray:
    means = statistics(features, labels).means.numpy()
    return means - means.mean(axis=0)


def rotation(seed: int, D: int) -> np.ndarray:
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(D, D)))[0]
