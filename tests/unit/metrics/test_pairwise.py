"""The sweep over all pairs of means, against loops over pairs, with tiles so small that there are many."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

from nc_hf.metrics import pairwise
from nc_hf.metrics.pairwise import TILE, DirectionKernel, Moments, Tile, VariabilityKernel, sample_bracket, sweep

SIZES = [2, 6, 7, 8, 15, 29]


@pytest.fixture
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiles of 7 by 7, of which some are whole and some are not."""
    monkeypatch.setattr(pairwise, "TILE", 7)


class Collected:
    """Keeps each pair that is shown to it with its squared distance."""

    def __init__(self) -> None:
        self.pairs: list[tuple[int, int]] = []
        self.distances: list[float] = []
        self.counted = 0

    def add(self, tile: Tile) -> None:
        rows, columns = (
            torch.arange(tile.rows.start, tile.rows.stop),
            torch.arange(tile.columns.start, tile.columns.stop),
        )
        i, j = torch.meshgrid(rows, columns, indexing="ij")
        self.pairs += zip(tile.select(i).tolist(), tile.select(j).tolist(), strict=True)
        self.distances += tile.select(tile.distances).tolist()
        self.counted += tile.num_pairs()


def means(classes: int, dim: int = 5) -> torch.Tensor:
    drawn = np.random.default_rng(classes).normal(size=(classes, dim))
    return torch.from_numpy(drawn - drawn.mean(axis=0))


def pairs(classes: int) -> list[tuple[int, int]]:
    return list(itertools.combinations(range(classes), 2))


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize("classes", SIZES)
def test_every_pair_is_shown_once_to_every_kernel(classes: int) -> None:
    rows, kernels = means(classes), [Collected(), Collected()]
    sweep(rows, kernels)
    expected = {(i, j): float(((rows[i] - rows[j]) ** 2).sum()) for i, j in pairs(classes)}
    for kernel in kernels:
        assert sorted(kernel.pairs) == pairs(classes)
        assert kernel.counted == len(expected)
        found = dict(zip(kernel.pairs, kernel.distances, strict=True))
        assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize("apart", [1e-3, 1e-6, 1e-9, 0.0])
def test_near_means_keep_their_digits(apart: float) -> None:
    """From |a|^2 + |b|^2 - 2 a.b a distance of 1e-6 would come out with no digit at all; within and between tiles."""
    rows = means(20) + 3.0
    rows[3] = rows[5] + apart  # in one tile
    rows[2] = rows[18] + apart  # in two
    kernel = Collected()
    sweep(rows, [kernel])
    found = dict(zip(kernel.pairs, kernel.distances, strict=True))
    for i, j in ((3, 5), (2, 18)):
        assert found[i, j] == pytest.approx(float(((rows[i] - rows[j]) ** 2).sum()), rel=1e-12)
    assert min(kernel.distances) >= 0


@pytest.mark.usefixtures("small_tiles")
def test_near_means_may_be_so_many_that_they_are_recomputed_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairwise, "_RECOMPUTE_ROWS", 3)
    rows = 1.0 + 1e-7 * means(18)
    kernel = Collected()
    sweep(rows, [kernel])
    for (i, j), distance in zip(kernel.pairs, kernel.distances, strict=True):
        assert distance == pytest.approx(float(((rows[i] - rows[j]) ** 2).sum()), rel=1e-9)


def test_moments_of_a_stream_are_those_of_the_whole() -> None:
    values = torch.from_numpy(np.random.default_rng(0).lognormal(size=500)) + 1e6
    stream = Moments()
    assert math.isnan(stream.std)
    for part in torch.split(values, [1, 0, 99, 400]):
        stream.add(part)
    assert stream.count == 500
    assert stream.mean == pytest.approx(float(values.mean()), rel=1e-15)
    assert stream.std == pytest.approx(float(values.std(correction=0)), rel=1e-9)


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize("classes", SIZES)
@pytest.mark.parametrize("power", [1, 2])
def test_variability_is_that_of_a_loop_over_pairs(classes: int, power: int) -> None:
    """With a bias so large that some distances are not positive: their pairs are left out and counted."""
    rows, rng = means(classes), np.random.default_rng(classes)
    variance, bias = (torch.from_numpy(rng.uniform(0.1, size * 4.0, classes)) for size in (1.0, 0.4))
    kernel = VariabilityKernel(variance, bias, power, bracket=(-math.inf, math.inf))
    sweep(rows, [kernel])
    values, left_out = [], 0
    for i, j in pairs(classes):
        distance = float(((rows[i] - rows[j]) ** 2).sum() - bias[i] - bias[j])
        if distance <= 0:
            left_out += 1
            continue
        values.append(float((variance[i] + variance[j]) / 2 / distance**power))
    assert kernel.pairs == len(pairs(classes))
    assert kernel.excluded_share == pytest.approx(left_out / kernel.pairs)
    assert kernel.values.count == len(values)
    if values:
        assert kernel.values.mean == pytest.approx(np.mean(values))
        assert kernel.median() == pytest.approx(np.median(values))
        assert kernel.log_mean == pytest.approx(np.log(values).mean())


def test_some_pairs_are_left_out_above() -> None:
    """Or the tests of what is left out would pass for nothing."""
    rows, bias = means(29), torch.full((29,), 1.6, dtype=torch.float64)
    kernel = VariabilityKernel(bias, bias, 1)
    sweep(rows, [kernel])
    assert 0.02 < kernel.excluded_share < 0.98
    assert math.isnan(kernel.log_mean), "without a bracket no logarithms are kept"


@pytest.mark.usefixtures("small_tiles")
def test_a_median_outside_its_bracket_is_none_and_without_a_value_nan() -> None:
    rows, ones = means(20), torch.ones(20, dtype=torch.float64)
    zero = torch.zeros_like(ones)
    whole = VariabilityKernel(ones, zero, 1, bracket=(-math.inf, math.inf))
    sweep(rows, [whole])
    median = whole.median()
    assert median is not None
    for bracket, expected in {
        (0.0, median / 2): None,
        (median * 2, math.inf): None,
        (median * 0.9, median * 1.1): pytest.approx(median, rel=1e-15),
    }.items():
        kernel = VariabilityKernel(ones, zero, 1, bracket)
        sweep(rows, [kernel])
        assert kernel.median() == expected
    none = VariabilityKernel(ones, 1e9 * ones, 1, bracket=(-math.inf, math.inf))
    sweep(rows, [none])
    assert math.isnan(none.median() or 0.0)
    assert none.excluded_share == 1


@pytest.mark.parametrize("classes", [5, TILE + 20])
def test_a_pair_without_scatter_has_a_log_of_minus_infinity(classes: int) -> None:
    rng = np.random.default_rng(3)
    means, variance = (torch.from_numpy(rng.normal(size=shape)) for shape in ((classes, 6), classes))
    variance = variance.square()
    variance[:2] = 0.0
    kernel = VariabilityKernel(variance, torch.zeros_like(variance), 1, bracket=(0.0, math.inf))
    sweep(means, [kernel])
    assert kernel.log_mean == -math.inf
    assert 0 < kernel.values.mean < math.inf
    assert 0 < kernel.median() < math.inf


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize("offset", [0.0, 2.0])
@pytest.mark.parametrize("dim", [2, 5, 40])
def test_directions_are_those_of_a_loop_over_pairs(dim: int, offset: float) -> None:
    """Of the centred means, or of the means with their offset, though the sweep goes over the centred ones."""
    rows = means(24, dim)
    vectors = rows + offset
    kernel = DirectionKernel(vectors, rows.square().sum(dim=1))
    sweep(rows, [kernel])
    units = (vectors / vectors.norm(dim=1, keepdim=True)).numpy()
    distances = np.array([np.linalg.norm(units[i] - units[j]) for i, j in pairs(24)])
    assert kernel.log.count == len(distances)
    assert kernel.log.mean == pytest.approx(-np.log(distances).mean(), rel=1e-9)
    assert kernel.log.std == pytest.approx(np.log(distances).std(), rel=1e-9)
    assert kernel.max_cos == pytest.approx(max(units[i] @ units[j] for i, j in pairs(24)), rel=1e-9)
    assert kernel.riesz_log_mean == pytest.approx(math.log((distances ** -(dim - 2.0)).mean()), rel=1e-9, abs=1e-12)


@pytest.mark.usefixtures("small_tiles")
def test_a_mean_of_zero_has_no_direction_and_equal_ones_no_distance() -> None:
    rows = means(16)
    rows[4] = 0.0
    rows[9] = 2 * rows[1]
    kernel = DirectionKernel(rows, rows.square().sum(dim=1))
    sweep(rows, [kernel])
    assert kernel.log.count == math.comb(15, 2) - 1, "no pair of the zero, and none of the two that point alike"
    assert kernel.max_cos == pytest.approx(1.0, abs=1e-15)
    nothing = DirectionKernel(torch.zeros(3, 4, dtype=torch.float64), torch.zeros(3, dtype=torch.float64))
    sweep(torch.zeros(3, 4, dtype=torch.float64), [nothing])
    assert math.isnan(nothing.riesz_log_mean)
    assert nothing.max_cos == -math.inf


def test_few_pairs_need_no_bracket_and_many_get_one_that_holds_their_median() -> None:
    few = means(50)
    ones = torch.ones(1600, dtype=torch.float64)
    assert sample_bracket(few, ones[:50], 0 * ones[:50], 5.0) == (-math.inf, math.inf)
    many = means(1600, 3)
    bracket = sample_bracket(many, ones, 0.01 * ones, 5.0)
    assert bracket == sample_bracket(many, ones, 0.01 * ones, 5.0), "the same at each call"
    wider = sample_bracket(many, ones, 0.01 * ones, 50.0)
    assert 0 < wider[0] < bracket[0] < bracket[1] < wider[1]
    kernels = [VariabilityKernel(ones, 0.01 * ones, 1, limits) for limits in (bracket, (-math.inf, math.inf))]
    sweep(many, kernels)
    assert kernels[0].median() == kernels[1].median()
    assert sample_bracket(many, ones, 0.01 * ones, math.inf) == (-math.inf, math.inf)
