"""GNC2: the kernels of directions that are uniform on the sphere."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import polygamma, psi

from nc_hf import compute_metrics
from tests.reference.noisy_classes import statistics, tokens


@pytest.mark.parametrize("D", [3, 16, 64])
def test_identity_5_simulated_uniform_directions_have_the_closed_form_kernel(D: int) -> None:
    """1,200 random directions: 7e5 pairs, though not independent ones, fix the mean to 1e-3 and the spread to 1 %."""
    K = 1200
    directions = np.random.default_rng(D).normal(size=(K, D))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    names = ["gnc2_log_mean", "gnc2_log_std", "gnc2_log_std_ratio"]
    stats = statistics(np.repeat(directions, 2, axis=0), np.repeat(np.arange(K), 2))
    values = compute_metrics(stats, preset=names, min_count=2)
    mean = -(math.log(4) + psi((D - 1) / 2) - psi(D - 1)) / 2
    spread = math.sqrt(polygamma(1, (D - 1) / 2) - polygamma(1, D - 1)) / 2
    assert values["gnc2_log_mean"] == pytest.approx(mean, abs=2e-3)
    assert values["gnc2_log_std"] == pytest.approx(spread, rel=0.01)
    assert values["gnc2_log_std_ratio"] == pytest.approx(1, rel=0.01)


@pytest.mark.parametrize(("D", "digits", "places"), [(64, 0.0637, 4), (1024, 0.01564, 5)])
def test_identity_5_reference_spread_in_the_digits_of_the_definition(D: int, digits: float, places: int) -> None:
    features, labels, _ = tokens(5, 12, D, per_class=2)
    stats = statistics(features, labels)
    values = compute_metrics(stats, preset=["gnc2_log_std", "gnc2_log_std_ratio"], min_count=1)
    reference = values["gnc2_log_std"] / values["gnc2_log_std_ratio"]
    assert round(reference, places) == digits
    assert reference == pytest.approx(math.sqrt(polygamma(1, (D - 1) / 2) - polygamma(1, D - 1)) / 2, rel=1e-9)
