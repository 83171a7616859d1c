"""NC3: the closed form of the dual error."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.reference.noisy_classes import SHAPES, centred_means, metrics, tokens


@pytest.mark.parametrize(("K", "D"), SHAPES.values(), ids=SHAPES)
def test_identity_4_dual_error_needs_only_products_of_size_d(K: int, D: int) -> None:
    features, labels, W = tokens(4, K, D)
    values = metrics(features, labels, W)
    M = centred_means(features, labels)
    norm = math.sqrt(np.trace((W.T @ W) @ (M.T @ M)))
    assert norm == pytest.approx(np.linalg.norm(W @ M.T), rel=1e-9)
    closed = 2 - 2 * (W * M).sum() / (norm * math.sqrt(K - 1))
    simplex_gram = np.eye(K) - 1 / K
    explicit = np.linalg.norm(W @ M.T / np.linalg.norm(W @ M.T) - simplex_gram / np.linalg.norm(simplex_gram))
    assert values["nc3_dual_error"] ** 2 == pytest.approx(closed, rel=1e-9)
    assert values["nc3_dual_error"] == pytest.approx(explicit, rel=1e-9)
