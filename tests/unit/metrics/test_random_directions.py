"""What is said of random directions, beside directions that were drawn."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import digamma, polygamma

from nc_hf.metrics.random_directions import uniform_log_moments
from nc_hf.metrics.table import METRICS

CLASSES = 3000


def unit(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def off_diagonal(square: NDArray[np.float64]) -> NDArray[np.float64]:
    return square[np.triu_indices(len(square), 1)]


@pytest.fixture(scope="module", params=[16, 96])
def drawn(request: pytest.FixtureRequest) -> dict[str, float]:
    """By name, and ``dim``: the metrics of means and rows drawn apart, by their definitions."""
    dim, rng = request.param, np.random.default_rng(0)
    means, rows = rng.normal(size=(2, CLASSES, dim))
    means, rows = means - means.mean(axis=0), rows - rows.mean(axis=0)
    cosines = off_diagonal(unit(means) @ unit(means).T)
    kernel = -0.5 * np.log(2 - 2 * cosines)
    aligned = (unit(rows) * unit(means)).sum(axis=1)
    gram = rows @ means.T
    etf = np.eye(CLASSES) - 1 / CLASSES
    return {
        "dim": dim,
        "nc2_cos_std": cosines.std(),
        "nc2_cos_mean": cosines.mean(),
        "gnc2_log_mean": kernel.mean(),
        "gnc2_log_std": kernel.std(),
        "gnc2_log_cov_paper": kernel.std() / kernel.mean(),
        "nc3_cos_mean": aligned.mean(),
        "nc3_cos_mean_centred": aligned.mean(),
        "nc3_cos_mean_centred_token_weighted": np.average(aligned, weights=rng.random(CLASSES)),
        "nc3_dual_error": np.linalg.norm(gram / np.linalg.norm(gram) - etf / np.linalg.norm(etf)),
        "unc3_cos_std": aligned.std(),
        "unc3_cos_std_centred": aligned.std(),
        "nc5_ood_orthogonality": np.abs(unit(means)[:, 0]).mean(),  # any direction is as good as the first axis
        "nc5_ood_orthogonality_centred": np.abs(unit(means)[:, 0]).mean(),
    }


SAID = {name: metric.at_random for name, metric in METRICS.items() if metric.at_random}


@pytest.mark.parametrize("name", sorted(SAID.keys() - {"gnc2_log_std_ratio"}))
def test_random_directions_have_what_is_said_of_them(drawn: dict[str, float], name: str) -> None:
    said = SAID[name].value(drawn["dim"])
    noise = 4 / math.sqrt(CLASSES * drawn["dim"])  # of a mean of cosines; spreads are within 5 % at these sizes
    assert drawn[name] == pytest.approx(said, rel=0.05, abs=noise)


@pytest.mark.parametrize("dim", [2, 3, 4, 13, 16, 24, 25, 26, 27, 64, 1024, 16384])
def test_the_moments_of_the_uniform_law(dim: int) -> None:
    """To the last digits, also where the series begin to be used as they are, at arguments of 12."""
    half, whole = (dim - 1) / 2, dim - 1
    mean = -0.5 * (math.log(4) + digamma(half) - digamma(whole))
    spread = 0.5 * math.sqrt(polygamma(1, half) - polygamma(1, whole))
    assert uniform_log_moments(dim) == pytest.approx((mean, spread), rel=3e-15, abs=1e-15)


def test_a_line_has_no_such_law() -> None:
    assert all(math.isnan(moment) for moment in uniform_log_moments(1))


def test_directions_with_a_covariance_spread_by_its_rank() -> None:
    dim, rng = 96, np.random.default_rng(1)
    scale = np.geomspace(1, 0.1, dim)
    means = rng.normal(size=(CLASSES, dim)) * scale
    cosines = off_diagonal(unit(means) @ unit(means).T)
    ratio = (-0.5 * np.log(2 - 2 * cosines)).std() / uniform_log_moments(dim)[1]
    rank = (scale**2).sum() ** 2 / (scale**4).sum()
    of_rank = SAID["gnc2_log_std_ratio"].value_of_rank
    assert of_rank is not None
    assert SAID["gnc2_log_std_ratio"].value(dim) == 1
    assert ratio == pytest.approx(of_rank(dim, rank), rel=0.1)
    assert ratio > 1.5
