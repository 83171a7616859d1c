"""CDNV and directions of all pairs, and their limits, against loops over pairs, in tiles of seven by seven."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from nc_hf.metrics import pairwise
from nc_hf.metrics.kernels import DirectionKernel, VariabilityKernel, sample_bracket
from nc_hf.metrics.pairwise import TILE, sweep
from tests.reference.pairs import drawn_means, pairs

SIZES = [2, 6, 7, 8, 15, 29]
ALL = (-math.inf, math.inf)


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize("classes", SIZES)
def test_corrected_variability_is_that_of_a_loop_over_pairs(classes: int) -> None:
    """With a bias so large that some distances are not positive: their pairs are counted, and rank last."""
    rows, rng = drawn_means(classes), np.random.default_rng(classes)
    variance, bias = (torch.from_numpy(rng.uniform(0.1, size * 4.0, classes)) for size in (1.0, 0.4))
    kernel = VariabilityKernel(variance, bias, 1, bracket=ALL)
    sweep(rows, [kernel])
    values = []
    for i, j in pairs(classes):
        distance = float(((rows[i] - rows[j]) ** 2).sum() - bias[i] - bias[j])
        values.append(float((variance[i] + variance[j]) / 2 / distance) if distance > 0 else math.inf)
    told_apart = [value for value in values if value < math.inf]
    assert kernel.pairs == len(values)
    assert kernel.excluded == len(values) - len(told_apart)
    assert kernel.values.mean == pytest.approx(np.mean(told_apart) if told_apart else math.nan, nan_ok=True)
    assert kernel.median() == pytest.approx(float(np.median(values)))
    assert kernel.log_mean == pytest.approx(float(np.mean(np.log(values))))
    if told_apart:
        assert kernel.top_share == pytest.approx(sum(sorted(told_apart)[-10:]) / sum(told_apart))


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize("classes", SIZES)
def test_plain_variability_is_that_of_a_loop_over_pairs(classes: int) -> None:
    rows = drawn_means(classes)
    variance = torch.from_numpy(np.random.default_rng(classes).uniform(0.1, 4.0, classes))
    kernel = VariabilityKernel(variance, None, 2, bracket=ALL)
    sweep(rows, [kernel])
    values = [float((variance[i] + variance[j]) / 2 / ((rows[i] - rows[j]) ** 2).sum() ** 2) for i, j in pairs(classes)]
    assert (kernel.excluded, kernel.values.unbounded) == (0, 0)
    assert kernel.values.mean == pytest.approx(np.mean(values))
    assert kernel.median() == pytest.approx(float(np.median(values)))
    assert kernel.log_mean == pytest.approx(np.log(values).mean())


def test_some_pairs_are_excluded_above() -> None:
    """Or the tests of what is excluded would pass for nothing."""
    rows, bias = drawn_means(29), torch.full((29,), 1.6, dtype=torch.float64)
    kernel = VariabilityKernel(bias, bias, 1)
    sweep(rows, [kernel])
    assert 0.02 < kernel.excluded / kernel.pairs < 0.98
    assert math.isnan(kernel.log_mean), "without a bracket no logarithms are kept"
    assert math.isnan(kernel.median() or 0.0)


def test_where_all_pairs_are_excluded_the_median_is_infinite_and_there_is_no_mean() -> None:
    rows, ones = drawn_means(20), torch.ones(20, dtype=torch.float64)
    kernel = VariabilityKernel(ones, 1e9 * ones, 1, bracket=ALL)
    sweep(rows, [kernel])
    assert (kernel.median(), kernel.log_mean, kernel.excluded) == (math.inf, math.inf, 190)
    assert math.isnan(kernel.values.mean)
    assert math.isnan(kernel.top_share)


@pytest.mark.parametrize(("scatter", "mean"), [(1.0, math.inf), (0.0, math.nan)])
def test_coincident_means_have_a_plain_cdnv_without_bound(scatter: float, mean: float) -> None:
    """Infinite with scatter, undefined without; corrected, they are excluded."""
    rows, variance = drawn_means(12), torch.ones(12, dtype=torch.float64)
    rows[3] = rows[8]
    variance[[3, 8]] = scatter
    plain, corrected = VariabilityKernel(variance, None, 2), VariabilityKernel(variance, variance / 1e9, 1)
    sweep(rows, [plain, corrected])
    assert plain.values.mean == pytest.approx(mean, nan_ok=True)
    assert plain.values.unbounded == 1
    assert corrected.excluded == 1
    assert 0 < corrected.values.mean < math.inf


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
    assert 0 < (kernel.median() or 0) < math.inf


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize("offset", [0.0, 2.0])
@pytest.mark.parametrize("dim", [2, 5, 40])
def test_directions_are_those_of_a_loop_over_pairs(dim: int, offset: float) -> None:
    """Of the centred means, or of the means with their offset, though the sweep goes over the centred ones."""
    rows = drawn_means(24, dim)
    vectors = rows + offset
    kernel = DirectionKernel(vectors)
    sweep(rows, [kernel])
    units = (vectors / vectors.norm(dim=1, keepdim=True)).numpy()
    distances = np.array([np.linalg.norm(units[i] - units[j]) for i, j in pairs(24)])
    assert kernel.log.count == len(distances)
    assert kernel.log.mean == pytest.approx(-np.log(distances).mean(), rel=1e-9)
    assert kernel.log.std == pytest.approx(np.log(distances).std(), rel=1e-9)
    assert kernel.max_cos == pytest.approx(max(units[i] @ units[j] for i, j in pairs(24)), rel=1e-9)
    assert kernel.riesz_log_mean == pytest.approx(math.log((distances ** -(dim - 2.0)).mean()), rel=1e-9, abs=1e-12)


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize("angle", [3.0, 1.5, 1e-2, 1e-6, 1e-12])
@pytest.mark.parametrize("length", [1.0, 1e-6, 1e6])
def test_any_angle_and_length_keep_their_digits(angle: float, length: float) -> None:
    """A short vector beside long ones has small distances to none, and yet its Gram form has lost the angle."""
    rows = drawn_means(9, 2)
    rows[2] = torch.tensor([1.0, 0.0])
    rows[7] = length * torch.tensor([math.cos(angle), math.sin(angle)], dtype=torch.float64)
    kernel = DirectionKernel(rows)
    found: list[float] = []
    kernel.log.add = lambda logs: found.extend(logs.tolist())  # type: ignore[method-assign]
    sweep(rows, [kernel])
    assert min(abs(value + math.log(2 * math.sin(angle / 2))) for value in found) < 1e-9


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize(("dim", "riesz"), [(2, 0.0), (5, math.inf)])
def test_a_mean_of_zero_has_no_direction_and_equal_ones_no_distance(dim: int, riesz: float) -> None:
    rows = drawn_means(16, dim)
    rows[4] = 0.0
    rows[9] = 2 * rows[1]
    kernel = DirectionKernel(rows, rounding=1e-14)
    sweep(rows, [kernel])
    assert kernel.undirected == 1
    assert kernel.log.count == math.comb(15, 2), "no pair of the zero"
    assert kernel.log.unbounded == 1
    assert kernel.log.mean == math.inf
    assert math.isnan(kernel.log.std)
    assert kernel.max_cos == 1
    assert kernel.riesz_log_mean == riesz


def test_on_a_line_directions_that_coincide_are_at_no_distance() -> None:
    """|u - u'|^1 is the Riesz kernel there: of the pairs that differ, 2 each, and 0 of the others."""
    rows = torch.tensor([[0.3], [0.1], [0.7], [-1.1]], dtype=torch.float64)
    kernel = DirectionKernel(rows, rounding=1e-14)
    sweep(rows, [kernel])
    assert (kernel.log.count, kernel.log.unbounded) == (6, 3)
    assert kernel.riesz_log_mean == pytest.approx(math.log(3 * 2 / 6))


def test_no_direction_at_all_has_no_value() -> None:
    nothing = DirectionKernel(torch.zeros(3, 4, dtype=torch.float64))
    sweep(torch.zeros(3, 4, dtype=torch.float64), [nothing])
    assert nothing.undirected == 3
    assert math.isnan(nothing.riesz_log_mean)
    assert math.isnan(nothing.log.mean)
    assert math.isnan(nothing.max_cos)


@pytest.mark.parametrize("bias", [0.01, 0.6])
def test_few_pairs_need_no_bracket_and_many_get_one_that_holds_their_median(bias: float) -> None:
    few = drawn_means(50)
    ones = torch.ones(1600, dtype=torch.float64)
    assert sample_bracket(few, ones[:50], 0 * ones[:50], 5.0) == ALL
    many = drawn_means(1600, 3)
    bracket = sample_bracket(many, ones, bias * ones, 5.0)
    assert bracket == sample_bracket(many, ones, bias * ones, 5.0), "the same at each call"
    wider = sample_bracket(many, ones, bias * ones, 50.0)
    assert 0 < wider[0] < bracket[0] < bracket[1] < wider[1]
    kernels = [VariabilityKernel(ones, bias * ones, 1, limits) for limits in (bracket, ALL)]
    sweep(many, kernels)
    assert kernels[0].median() == kernels[1].median()
    assert sample_bracket(many, ones, bias * ones, math.inf) == ALL


@pytest.mark.parametrize(("variance", "bias", "expected"), [(0.0, 0.0, 0.0), (1.0, 5.0, math.inf)])
def test_a_median_that_many_pairs_share_needs_no_memory(variance: float, bias: float, expected: float) -> None:
    """Without scatter all are 0, and where more than half are excluded it is infinite."""
    many, ones = drawn_means(1600, 3), torch.ones(1600, dtype=torch.float64)
    kernel = VariabilityKernel(variance * ones, bias * ones, 1, sample_bracket(many, variance * ones, bias * ones, 5.0))
    sweep(many, [kernel])
    assert kernel.median() == expected
    assert kernel._median is not None
    assert len(kernel._median._inside.values) < 0.03 * kernel.pairs


@pytest.mark.parametrize("tokens", [3, 300])
def test_in_float32_all_is_as_in_float64(tokens: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Norms of which the largest is a hundred times the least, classes in clusters, and an offset; with few tokens the
    noise covers one distance in a hundred, and many are recomputed."""
    rng = np.random.default_rng(0)
    drawn = rng.normal(size=(2_100, 48)) * np.exp(0.8 * rng.normal(size=(2_100, 1)))
    drawn[500:700] = drawn[:200] + 0.02 * rng.normal(size=(200, 48))
    means = torch.from_numpy(drawn + 3)
    variance = torch.from_numpy(rng.uniform(5.0, 40.0, len(means)))
    centred, bias = means - means.mean(dim=0), variance / tokens
    found = []
    for single_from in (2, 10_000):
        monkeypatch.setattr(pairwise, "SINGLE_FROM", single_from)
        bracket = sample_bracket(centred, variance, bias, 5.0)
        kernels = [
            VariabilityKernel(variance, bias, 1, bracket),
            VariabilityKernel(variance, None, 2),
            DirectionKernel(centred, means),
            DirectionKernel(means),
        ]
        sweep(centred, kernels, means=means)
        corrected, plain, directions, uncentred = kernels
        assert corrected.median() is not None
        found.append(
            {
                "excluded": corrected.excluded,
                "mean": corrected.values.mean,
                "median": corrected.median(),
                "log": corrected.log_mean,
                "top": corrected.top_share,
                "plain": plain.values.mean,
                **{f"{i} {name}": getattr(kernel.log, name) for i, kernel in enumerate((directions, uncentred))
                   for name in ("mean", "std")},
                "cosine": directions.max_cos,
                "riesz": directions.riesz_log_mean,
            }
        )  # fmt: skip
    assert found[0] == pytest.approx(found[1], rel=1e-6)
    assert (found[0]["excluded"] > 2_000) == (tokens == 3)
    assert found[0] != found[1], "or float64 was compared with itself"
