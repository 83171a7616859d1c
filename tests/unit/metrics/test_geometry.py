"""NC2: the identities of cosines, ETF error and participation ratio, by their numbers in METRICS."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from nc_hf import ClassStatistics, compute_metrics
from tests.reference.noisy_classes import SHAPES, ZERO, centred_means, metrics, statistics, tokens


def test_means_that_all_coincide_are_no_frame() -> None:
    stats = ClassStatistics(4)
    stats.update(torch.ones(30, 4), torch.arange(30) % 3)
    values = compute_metrics(stats, preset=["nc2_etf_error", "nc2_cos_std", "nc2_norm_cov", "nc2_log_norm_std"])
    assert all(math.isnan(value) for value in values.values())
    assert compute_metrics(stats, preset=["nc2_undirected_classes"]) == {"nc2_undirected_classes": 3}


@pytest.mark.parametrize("classes", [2, 7, 8, 9])
def test_a_simplex_is_one_to_the_last_digits(classes: int) -> None:
    """The closed forms alone would leave the root of the rounding, 1e-8."""
    corners = (np.eye(classes) - 1 / classes) @ np.linalg.qr(np.random.default_rng(0).normal(size=(classes, classes)))[
        0
    ]
    directions = np.linalg.svd(corners)[2][: classes - 1]
    names = ["nc2_etf_error", "nc2_cos_std"]
    values = compute_metrics(statistics(5 * corners @ directions.T, np.arange(classes)), preset=names, min_count=1)
    assert max(values.values()) < 1e-14


def pair_products(rows: np.ndarray) -> np.ndarray:
    first, second = np.triu_indices(len(rows), 1)
    return (rows[first] * rows[second]).sum(axis=1)


@pytest.mark.parametrize(("K", "D"), SHAPES.values(), ids=SHAPES)
def test_identity_1_mean_inner_product_is_fixed_by_the_norms(K: int, D: int) -> None:
    m = centred_means(*tokens(1, K, D)[:2])
    assert pair_products(m).mean() == pytest.approx(-(m**2).sum(axis=1).mean() / (K - 1), rel=1e-9)


@pytest.mark.parametrize("D", [2, 5, 40])
def test_identity_1_any_equinorm_means_have_the_mean_cosine_of_a_simplex(D: int) -> None:
    """Antipodes of one length: their mean cosine is that of an ETF, -1/(K-1), and they are nothing like one."""
    half = np.random.default_rng(D).normal(size=(10, D))
    half /= np.linalg.norm(half, axis=1, keepdims=True)
    stats = statistics(np.concatenate([half, -half]), np.arange(20))
    values = compute_metrics(stats, preset=["nc2_cos_mean", "nc2_cos_std"], min_count=1)
    assert values["nc2_cos_mean"] == pytest.approx(-1 / 19, rel=1e-9)
    assert values["nc2_cos_std"] > 0.2


@pytest.mark.parametrize(("K", "D"), SHAPES.values(), ids=SHAPES)
def test_identity_2_cosine_moments_from_the_sum_and_the_second_moment_of_directions(K: int, D: int) -> None:
    features, labels, weight = tokens(2, K, D)
    values = metrics(features, labels, weight)
    m = centred_means(features, labels)
    u = m / np.linalg.norm(m, axis=1, keepdims=True)
    cosines = pair_products(u)
    mean = ((u.sum(axis=0) ** 2).sum() - K) / (K * (K - 1))
    mean_square = (((u.T @ u) ** 2).sum() - K) / (K * (K - 1))
    assert values["nc2_cos_mean"] == pytest.approx(mean, rel=1e-9)
    assert values["nc2_cos_mean"] == pytest.approx(cosines.mean(), rel=1e-9)
    assert values["nc2_cos_std"] ** 2 + values["nc2_cos_mean"] ** 2 == pytest.approx(mean_square, rel=1e-9)
    assert values["nc2_cos_std"] == pytest.approx(cosines.std(), rel=1e-9, abs=ZERO)


@pytest.mark.parametrize(("K", "D"), SHAPES.values(), ids=SHAPES)
def test_identity_3_etf_error_is_a_function_of_the_participation_ratio(K: int, D: int) -> None:
    features, labels, weight = tokens(3, K, D)
    values = metrics(features, labels, weight)
    gram = centred_means(features, labels) @ centred_means(features, labels).T
    simplex_gram = np.eye(K) - 1 / K
    explicit = np.linalg.norm(gram / np.linalg.norm(gram) - simplex_gram / np.linalg.norm(simplex_gram))
    from_ratio = 2 - 2 * math.sqrt(values["nc2_participation_ratio"] / (K - 1))
    assert values["nc2_etf_error"] ** 2 == pytest.approx(from_ratio, rel=1e-9, abs=ZERO**2)
    assert values["nc2_etf_error"] == pytest.approx(explicit, rel=1e-9, abs=ZERO)
    assert values["nc2_participation_ratio"] == pytest.approx(np.trace(gram) ** 2 / (gram**2).sum(), rel=1e-9)
    assert values["nc2_participation_ratio_per_dim"] == pytest.approx(values["nc2_participation_ratio"] / D, rel=1e-12)
    assert values["nc2_etf_error"] >= math.sqrt(max(0.0, 2 - 2 * math.sqrt(D / (K - 1)))) - ZERO


def test_identity_3_the_lower_bound_is_reached_by_a_tight_frame() -> None:
    """2 D antipodes along the axes spread evenly over D dimensions: no K means could come closer to an ETF."""
    D = 5
    stats = statistics(np.concatenate([np.eye(D), -np.eye(D)]), np.arange(2 * D))
    error = compute_metrics(stats, preset=["nc2_etf_error"], min_count=1)["nc2_etf_error"]
    assert error == pytest.approx(math.sqrt(2 - 2 * math.sqrt(D / (2 * D - 1))), rel=1e-9)
