"""Intervals that know of clusters: against their formulas, and in simulations."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from scipy.linalg import fractional_matrix_power

from nc_hf.study.analysis.robust import ClusterModel, Influence

Floats = NDArray[np.float64]


def sides(n: int, rho: float, seed: int) -> tuple[Floats, Floats]:
    x, other = np.random.default_rng(seed).normal(size=(2, n))
    return x, rho * x + np.sqrt(1 - rho**2) * other


def test_the_interval_is_its_formula() -> None:
    """By definition: influences on Fisher's z, each block of the residual maker to the power -3/4."""
    x, y = sides(18, 0.5, 1)
    clusters = np.repeat(np.arange(6), 3)
    design = np.stack([np.ones(18), np.tile([0.0, 0, 1], 6)], axis=1)
    maker = np.eye(18) - design @ np.linalg.inv(design.T @ design) @ design.T
    a, b = maker @ x, maker @ y
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    r = a @ b
    total = 0.0
    for cluster in range(6):
        at = clusters == cluster
        fix = fractional_matrix_power(maker[np.ix_(at, at)], -0.75)
        total += (a[at] @ fix @ b[at] - r / 2 * (a[at] @ fix @ a[at] + b[at] @ fix @ b[at])) ** 2
    error = np.sqrt(total) / (1 - r**2)
    found = ClusterModel(design, clusters).correlate(x, y)
    reach = stats.t.ppf(0.975, found.df) * error
    assert found.r == pytest.approx(np.corrcoef(maker @ x, maker @ y)[0, 1])
    assert [found.low, found.high] == pytest.approx(np.tanh([np.arctanh(r) - reach, np.arctanh(r) + reach]).tolist())
    assert found.p == pytest.approx(2 * stats.t.sf(np.arctanh(r) / error, found.df))
    assert (found.n, found.clusters) == (18, 6)


def test_even_clusters_have_nearly_as_many_degrees_as_there_are() -> None:
    x, y = sides(60, 0.0, 2)
    flat = np.sign(x)  # every cluster weighs the same
    even = ClusterModel(np.ones((60, 1)), np.arange(60)).correlate(flat, y)
    uneven = ClusterModel(np.ones((60, 1)), np.repeat([0, 1, 2, 3, 4, 5], [50, 2, 2, 2, 2, 2])).correlate(x, y)
    assert 54 < even.df <= 59
    assert uneven.df < 2.5


@pytest.mark.parametrize(("rows", "clusters"), [(7, 7), (12, 4)])
def test_below_the_floors_there_is_a_number_and_no_test(rows: int, clusters: int) -> None:
    x, y = sides(rows, 0.5, 3)
    found = ClusterModel(np.ones((rows, 1)), np.arange(rows) % clusters).correlate(x, y)
    assert np.isfinite(found.r)
    assert np.isnan([found.low, found.high, found.p]).all()


def test_where_nothing_is_left_there_is_no_number() -> None:
    x, y = sides(12, 0.5, 4)
    model = ClusterModel(np.stack([np.ones(12), x], axis=1), np.arange(12))
    assert np.isnan(model.correlate(3 * x + 1, y).r)
    full = ClusterModel(np.eye(12)[:, :11], np.arange(12))
    assert np.isnan(full.correlate(x, y).r)


def test_a_perfect_correlation_is_certain() -> None:
    x, _ = sides(12, 0.5, 5)
    found = ClusterModel(np.ones((12, 1)), np.arange(12)).correlate(x, -2 * x)
    assert [found.r, found.low, found.high] == pytest.approx([-1, -1, -1])
    assert found.p == 0


def test_weights_are_those_of_repeated_rows() -> None:
    x, y = sides(10, 0.5, 6)
    times = np.array([1, 2, 1, 3, 1, 1, 2, 1, 1, 4])
    rows = np.repeat(np.arange(10), times)
    weighted = ClusterModel(np.ones((10, 1)), np.arange(10), times.astype(np.float64))
    assert weighted.correlate(x, y).r == pytest.approx(np.corrcoef(x[rows], y[rows])[0, 1])


def test_reliability_counts_what_the_design_leaves_of_the_errors() -> None:
    x, _ = sides(12, 0.5, 7)
    model = ClusterModel(np.ones((12, 1)), np.arange(12))
    assert model.reliability(x, np.full(12, 0.5)) == pytest.approx(1 - 0.25 / x.var(ddof=1))
    assert np.isnan(model.reliability(x, None))


def test_influences_are_averaged() -> None:
    model = ClusterModel(np.ones((12, 1)), np.arange(12))
    one, two = Influence(0.2, np.full(12, 0.1), 9.0), Influence(0.6, np.full(12, -0.1), 5.0)
    found = model.estimate([one, two])
    assert found.r == pytest.approx(np.tanh(0.4))
    assert found.df == 5
    assert found.low == pytest.approx(found.r)  # the two cancel in every cluster
    assert np.isnan(model.estimate([one, None]).r)


def simulated(
    shape: tuple[int, int], rho: float, alike: float, seed: int, *, settings: bool, trials: int = 1000
) -> float:
    """How often the interval holds the truth: clusters of three rows, with and without settings taken out."""
    rng = np.random.default_rng(seed)
    cells = np.array(list(product(range(shape[0]), range(shape[1]), range(3))))
    clusters = cells[:, 0] * shape[1] + cells[:, 1]
    levels = [cells[:, axis] == level for axis in range(3) for level in range(1, cells[:, axis].max() + 1)]
    design = np.stack([np.ones(len(cells)), *(levels if settings else [])], axis=1).astype(np.float64)
    model, root = ClusterModel(design, clusters), np.linalg.cholesky([[1, rho], [rho, 1]])
    hits = 0
    for _ in range(trials):
        shared = rng.normal(size=(clusters.max() + 1, 2))[clusters]
        own = rng.normal(size=(len(cells), 2))
        x, y = ((np.sqrt(alike) * shared + np.sqrt(1 - alike) * own) @ root.T).T
        found = model.correlate(x, y)
        hits += found.low <= rho <= found.high
    return hits / trials


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(3, 2), (3, 3), (4, 3), (5, 4), (6, 5)])
@pytest.mark.parametrize("settings", [False, True])
def test_intervals_cover_the_truth(shape: tuple[int, int], settings: bool) -> None:
    cases = list(product((0.0, 0.8), (0.0, 0.3, 0.6)))
    covered = [simulated(shape, *case, seed, settings=settings) for seed, case in enumerate(cases)]
    assert 0.93 <= np.mean(covered) <= 0.97
    assert min(covered) >= 0.91  # three errors of one simulation
    assert max(covered) <= 0.985


@pytest.mark.slow
def test_errors_of_rows_are_in_the_interval_already() -> None:
    """The target of a noisy metric is its own, weaker correlation; that is covered, with errors that differ by row."""
    rng, hits, trials = np.random.default_rng(3), 0, 1000
    clusters = np.repeat(np.arange(12), 3)
    model = ClusterModel(np.ones((36, 1)), clusters)
    errors = rng.uniform(0.3, 1.2, size=36)
    truth = 0.8 / np.sqrt(1 + np.mean(errors**2))
    for _ in range(trials):
        shared, own = rng.normal(size=(12, 2))[clusters], rng.normal(size=(36, 2))
        x, other = (np.sqrt(0.5) * (shared + own)).T
        found = model.correlate(x + errors * rng.normal(size=36), 0.8 * x + 0.6 * other)
        hits += found.low <= truth <= found.high
    assert 0.93 <= hits / trials <= 0.97
