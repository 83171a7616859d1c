"""NC1: what small samples do to the plain and the corrected forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from nc_hf import ClassStatistics, compute_metrics
from tests.reference.noisy_classes import statistics

# -- Small samples: K = 300 classes in D = 64 with as much variance within a class as between classes, n tokens each.
# n: (k = 1, k = 2), the plain plug-in over the truth, from one draw to two digits. Draws scatter by .006, so that the
# mean of several may be off the table by twice this and its rounding.
PLUG_IN = {2: (0.33, 0.22), 3: (0.49, 0.36), 5: (0.67, 0.56), 10: (0.81, 0.74), 30: (0.93, 0.90), 100: (0.98, 0.97)}


def small_sample(seed: int, n: int) -> dict[str, float]:
    """Values over truth: CDNV as METRICS.md corrects it, plain with k = 1 and k = 2, and the trace ratio."""
    K, D = 300, 64
    rng = np.random.default_rng(seed)
    means = rng.normal(size=(K, D))
    labels = np.repeat(np.arange(K), n)
    stats = statistics(means[labels] + rng.normal(size=(K * n, D)), labels)
    values = compute_metrics(stats, preset=["nc1_cdnv", "nc1_cdnv_paper", "nc1_trace_ratio"], min_count=2)
    first, second = np.triu_indices(K, 1)
    true_d2 = ((means[first] - means[second]) ** 2).sum(axis=1)
    seen, var = stats.means.numpy(), (stats.scatter / stats.counts).numpy()
    plain = (var[first] + var[second]) / (2 * ((seen[first] - seen[second]) ** 2).sum(axis=1))
    centred = means - means.mean(axis=0)
    return {
        "corrected": values["nc1_cdnv"] / (D / true_d2).mean(),
        "plain": plain.mean() / (D / true_d2).mean(),
        "plain, k = 2": values["nc1_cdnv_paper"] / (D / true_d2**2).mean(),
        "trace ratio": values["nc1_trace_ratio"] / (D / (centred**2).sum(axis=1).mean()),
    }


def small_samples(n: int) -> dict[str, float]:
    draws = [small_sample(seed, n) for seed in range(max(2, 12 // n))]
    return {name: float(np.mean([draw[name] for draw in draws])) for name in draws[0]}


@pytest.mark.parametrize("n", PLUG_IN)
def test_small_samples_shrink_the_plain_cdnv_as_tabulated(n: int) -> None:
    ratios = small_samples(n)
    assert ratios["plain"] == pytest.approx(PLUG_IN[n][0], abs=0.017)
    assert ratios["plain, k = 2"] == pytest.approx(PLUG_IN[n][1], abs=0.017)


@pytest.mark.parametrize(("n", "excess"), [(3, 0.04), (5, 0.025), (10, 0.015), (30, 0.01), (100, 0.01)])
def test_small_samples_leave_the_corrected_forms_at_the_truth(n: int, excess: float) -> None:
    """A distance without bias still has noise, and the mean of its reciprocal lies above: by 3 % at n = 3, 0.5 % at 10.

    The trace ratio divides means, not pairs, and has none of it.
    """
    ratios = small_samples(n)
    assert ratios["corrected"] == pytest.approx(1, abs=excess)
    assert ratios["trace ratio"] == pytest.approx(1, abs=0.01)


def test_a_direction_that_only_rounding_fills_does_not_count_for_pinv() -> None:
    """A layer norm leaves features no component along the ones; in float32 what is left there is rounding."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(600) % 30
    exact = torch.randn(30, 12, generator=generator, dtype=torch.float64)[labels]
    exact += 0.5 * torch.randn(600, 12, generator=generator, dtype=torch.float64)
    exact -= exact.mean(dim=1, keepdim=True)
    found = []
    for features, order in ((exact, labels), (exact.float(), labels), (exact.float().flip(0), labels.flip(0))):
        stats = ClassStatistics(12, covariance=True)
        stats.update(features, order)
        found.append(compute_metrics(stats, None, ["nc1_pinv"], 1)["nc1_pinv"])
    assert found[1] == pytest.approx(found[0], rel=1e-5)
    assert found[2] == pytest.approx(found[1], rel=1e-9)


@pytest.mark.parametrize(("K", "D", "offset"), [(200, 2, 0.0), (4, 200, 0.0), (32, 2, 300.0)])
@pytest.mark.parametrize("counts", [True, False])
def test_a_direction_in_which_means_differ_by_rounding_does_not_count_for_pinv(
    counts: bool, K: int, D: int, offset: float
) -> None:
    """Means at +-1 on one axis and +-t on the next: number, width or size of the means decide which t is rounding."""
    # As of the rank of a matrix, and as of coincident means.
    rounding = max(np.finfo(float).eps * max(K, D), 1e-14 * (1 + offset))
    t = round((1.4 if counts else 0.7) * rounding * 2**52) * 2.0**-52  # so that sums of tokens are exact
    means = np.zeros((K, D))
    means[:, 0] = np.tile([1.0, -1.0], K // 2)
    means[:, 1] = t * np.tile([1.0, 1.0, -1.0, -1.0], K // 4)
    assert offset or np.linalg.matrix_rank(means) == 1 + counts
    steps = np.zeros((4, D))
    steps[:, :2] = [[1, 0], [-1, 0], [0, 1], [0, -1]]  # of variance 1/2 on either axis
    features = (means[:, None] + steps).reshape(4 * K, D)
    features[:, 0] += offset
    stats = statistics(features, np.repeat(np.arange(K), 4), covariance=True)
    expected = (0.5 + (0.5 / t**2 if counts else 0)) / K
    assert compute_metrics(stats, None, ["nc1_pinv"], 1)["nc1_pinv"] == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize(
    ("apart", "step", "expected"), [(0.0, 1.0, math.inf), (0.0, 0.0, math.nan), (2.0, 0.0, 0.0), (2.0, 1.0, 0.5)]
)
def test_pinv_of_means_in_one_place_is_a_limit(apart: float, step: float, expected: float) -> None:
    """Two classes ``apart`` on a line, each with tokens at ``step`` to both sides: step^2 / (apart / 2)^2 / 2."""
    features = np.array([[-step], [step], [apart - step], [apart + step]]) + 1
    stats = statistics(features, np.array([0, 0, 1, 1]), covariance=True)
    assert compute_metrics(stats, None, ["nc1_pinv"], 1)["nc1_pinv"] == pytest.approx(expected, nan_ok=True)
