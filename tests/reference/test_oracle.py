"""Every metric equals the brute-force oracle, on ordinary data and on data at every edge that the definitions have."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch

from nc_hf import compute_metrics
from nc_hf.metrics.pairwise import TILE
from tests.reference.cases import CASES, ONE_DIMENSION, Case, approaching, assert_equal, on_a_grid
from tests.reference.exact import exactly, pseudo_inverse_trace
from tests.reference.noisy_classes import statistics
from tests.reference.oracle import oracle_metrics


def measured(case: Case) -> tuple[dict[str, float], dict[str, float]]:
    """All metrics of a case but NC4, by nc_hf and by the oracle."""
    options = {"min_count": case.min_count, "categories": case.categories}
    actual = compute_metrics(case.statistics(), case.head, preset="full", second=case.statistics_of_second, **options)
    return actual, oracle_metrics(case.features, case.labels, case.weight, second=case.second, **options)


@pytest.mark.parametrize("name", CASES)
def test_float64_features(name: str) -> None:
    case = CASES[name]()
    assert_equal(*measured(case), case.zeros, 1e-9)


@pytest.mark.parametrize("name", CASES)
def test_float32_features_on_an_offset_of_norm_1000(name: str) -> None:
    case = CASES[name]().on_an_offset()
    assert_equal(*measured(case), case.zeros, 1e-5)


STEPS = [2.0**-power for power in (7, 13, 20, 27, 33, 40)]  # 8e-3 to 9e-13


@pytest.mark.parametrize("scatter", [True, False], ids=["scatter", "no scatter"])
@pytest.mark.parametrize("dim", [1, 2, 5, 7, 12])
@pytest.mark.parametrize("apart", STEPS)
def test_two_means_close_to_each_other(apart: float, dim: int, scatter: bool) -> None:
    """All means are exact here, in one batch, so that no digit is lost before a metric takes their difference."""
    case = approaching(apart, max(dim, 2), scatter=scatter)
    if dim == 1:
        case = replace(case, features=case.features[:, 1:], weight=case.weight[:, 1:], zeros=ONE_DIMENSION)
    stats = statistics(case.features, case.labels, covariance=True)
    actual = compute_metrics(stats, case.head, preset="full", min_count=1)
    expected = oracle_metrics(case.features, case.labels, case.weight, min_count=1)
    # The least singular value of the means may be as small as what parts these two, and is good to a few units in the
    # last place of the largest: from a point on nothing of it is left, and the direction is not counted.
    lengths = np.linalg.svd(stats.means.numpy() - stats.means.numpy().mean(axis=0))[1][: min(dim, 7)]
    pinv, truth, lost = actual.pop("nc1_pinv"), expected.pop("nc1_pinv"), 1e-14 * lengths[0] / lengths[-1]
    assert pinv == pytest.approx(truth, rel=max(1e-9, lost)) or lost > 0.1
    assert_equal(actual, expected, case.zeros, 1e-9)


@pytest.mark.parametrize("dim", [2, 5, 7, 12])
def test_what_two_means_that_meet_make_large_grows_until_they_do(dim: int) -> None:
    """A filter of what is not finite would show as a fall in the last step."""
    growing = {"gnc2_log_mean", "gnc2_log_std", "gnc2_log_std_ratio", "nc2_max_cos", "nc1_cdnv_paper"}
    growing |= (
        {"nc1_cdnv_scale_free"} | ({"gnc2_riesz_mean"} if dim > 2 else set()) | ({"nc1_pinv"} if dim > 7 else set())
    )
    course = []
    for apart in (*STEPS, 0.0):
        case = approaching(apart, dim)
        stats = statistics(case.features, case.labels, covariance=True)
        course.append(compute_metrics(stats, preset=sorted(growing), min_count=1))
    for name in growing:
        values = [step[name] for step in course]
        assert values[:-1] == sorted(values[:-1]), name
    last = course[-1]
    assert last["gnc2_log_mean"] == last["nc1_cdnv_paper"] == last["nc1_cdnv_scale_free"] == math.inf
    assert math.isnan(last["gnc2_log_std"])
    assert math.isnan(last["gnc2_log_std_ratio"])
    assert last["nc2_max_cos"] == 1


def test_means_that_approach_their_noise_make_the_ratios_grow_to_infinity() -> None:
    """Corrected, a distance ends before the means meet, and the median and the trace ratio are then infinite."""
    names = ["nc1_cdnv_median", "nc1_cdnv_log_mean", "nc1_trace_ratio", "nc1_trace_ratio_token_weighted", "nc1_pinv"]
    course = []
    for shrunk in (1.0, 0.8, 0.7, 0.6, 0.0):
        case = on_a_grid(26, 6, 5)
        means = case.statistics().means.numpy()
        features = case.features + (shrunk - 1) * means[case.labels]
        course.append(compute_metrics(statistics(features, case.labels, covariance=True), None, names, 1))
    for name in names:
        values = [step[name] for step in course]
        assert values == sorted(values), name
        assert values[-1] == math.inf, name


def test_exact_pseudo_inverse_is_numpys() -> None:
    rng = np.random.default_rng(0)
    left, factor = rng.normal(size=(6, 6)), rng.normal(size=(6, 3))
    exact = [np.vectorize(Fraction, otypes=[object])(matrix) for matrix in (left, factor)]
    found = pseudo_inverse_trace(exact[0], exact[1] @ exact[1].T)
    assert float(found) == pytest.approx(np.trace(left @ np.linalg.pinv(factor @ factor.T, rcond=1e-10)), rel=1e-9)


def test_exact_numbers_are_the_floats() -> None:
    values = np.array([[0.1, -3.0, 0.0], [2.0**-60, 1e20, -7.25]])
    assert (exactly(values).values() == values).all()
    assert exactly(values[:, :1]).about_their_mean().values().sum() == 0
    assert exactly(np.array([[3.0, 4.0]])).lengths().tolist() == [5.0]


def test_the_cases_reach_the_edges() -> None:
    """Cases that no longer meet what they are named for would pass for nothing."""
    noisy = CASES["noise that swallows differences"]()
    share = oracle_metrics(noisy.features, noisy.labels, min_count=2)["nc1_cdnv_excluded_share"]
    assert 0.05 < share < 0.95
    duplicates = CASES["duplicate means"]().statistics().means
    assert (torch.cdist(duplicates, duplicates, compute_mode="donot_use_mm_for_euclid_dist") == 0).sum() == 12 + 6
    assert CASES["one class more than a tile"]().statistics().num_classes == TILE + 1
    assert (CASES["singletons"]().statistics().counts == 1).sum() > 10
    coincident = {name for name in CASES if _metric(name, "gnc2_coincident_pairs") > 0}
    assert {name for name in CASES if name.startswith("coincident")} <= coincident
    assert math.isnan(_metric("coincident means without scatter", "nc1_cdnv_paper"))
    assert _metric("no scatter", "nc1_cdnv_paper") == 0
    assert _metric("all means equal", "nc2_undirected_classes") == 6
    assert _metric("on a line", "nc2_undirected_classes") == _metric("on a line", "gnc2_undirected_classes_paper") == 2
    assert _metric("a head of equal rows", "nc3_undirected_classes_centred") == 9


def _metric(case: str, name: str) -> float:
    made = CASES[case]()
    if len(made.labels) > 1000:
        return 0.0
    return oracle_metrics(made.features, made.labels, made.weight, min_count=1)[name]
