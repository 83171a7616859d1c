"""The classes that a metric looks at, against plain loops, and where a direction is nothing but rounding."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from nc_hf import ClassStatistics
from nc_hf.errors import StatisticsError
from nc_hf.metrics.classes import (
    ClassView,
    beyond_noise,
    coefficient_of_variation,
    counted,
    moments,
    quotient,
    small_gram_norm,
)
from nc_hf.metrics.rows import about_their_mean
from tests.reference.noisy_classes import statistics

COUNTS = {11: 1, 5: 2, 8: 10, 3: 4}


@pytest.fixture
def drawn() -> tuple[np.ndarray, np.ndarray]:
    """Tokens (17, 6) of four classes in no order, off the origin."""
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.repeat(list(COUNTS), list(COUNTS.values())))
    return 2 + rng.normal(size=(len(labels), 6)), labels


@pytest.mark.parametrize(("min_count", "ids"), [(1, [3, 5, 8, 11]), (2, [3, 5, 8]), (4, [3, 8]), (3, [3, 8])], ids=str)
def test_quantities_are_those_of_a_loop_over_the_classes(
    drawn: tuple[np.ndarray, np.ndarray], min_count: int, ids: list[int]
) -> None:
    features, labels = drawn
    view = ClassView(statistics(features, labels), min_count)
    assert view.class_ids.tolist() == ids
    assert (view.num_classes, view.dim) == (len(ids), 6)
    of_class = [features[labels == c] for c in ids]
    means = np.stack([rows.mean(axis=0) for rows in of_class])
    m = means - means.mean(axis=0)
    scatter = np.array([((rows - rows.mean(axis=0)) ** 2).sum() for rows in of_class])
    assert view.counts.tolist() == [len(rows) for rows in of_class]
    for actual, expected in {
        view.means[:]: means,
        view.uncentred[:]: means,
        view.centred: m,
        view.norms: np.linalg.norm(m, axis=1),
        torch.cat(list(view.units())): m / np.linalg.norm(m, axis=1, keepdims=True),
        view.variance_biased: scatter / [len(rows) for rows in of_class],
    }.items():
        assert actual.dtype == torch.float64
        np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=1e-14)
    if min_count > 1:
        np.testing.assert_allclose(view.variance, [rows.var(axis=0, ddof=1).sum() for rows in of_class], rtol=1e-12)
    assert float(view.gram_norm) == pytest.approx(np.linalg.norm(m @ m.T), rel=1e-12)


def test_named_classes_are_taken_whatever_their_count_if_they_have_a_variance(
    drawn: tuple[np.ndarray, np.ndarray],
) -> None:
    """So that different amounts of a text are measured on the same classes."""
    stats, listed = statistics(*drawn), torch.tensor([3, 5, 11, 400])
    for min_count in (1, 2, 10):
        assert ClassView(stats, min_count, classes=listed).class_ids.tolist() == [3, 5]
    assert ClassView(stats, classes=listed.flip(0)).class_ids.tolist() == [3, 5]
    assert counted(stats, listed).tolist() == [c in (3, 5) for c in stats.class_ids.tolist()]


def test_fewer_than_two_of_the_named_classes_are_refused_with_their_number(
    drawn: tuple[np.ndarray, np.ndarray],
) -> None:
    said = r"^1 of the 3 classes that count have at least 2 tokens, .*: raise max_tokens, or name a longer corpus\.$"
    with pytest.raises(StatisticsError, match=said):
        ClassView(statistics(*drawn), classes=torch.tensor([3, 11, 400]))


@pytest.mark.parametrize("min_count", [5, 11])
def test_fewer_than_two_classes_are_refused_with_their_number(
    drawn: tuple[np.ndarray, np.ndarray], min_count: int
) -> None:
    seen = sum(count >= min_count for count in COUNTS.values())
    with pytest.raises(StatisticsError, match=rf"^{seen} of 4 classes have at least {min_count} tokens"):
        ClassView(statistics(*drawn), min_count)
    with pytest.raises(StatisticsError, match="0 of 0"):
        ClassView(ClassStatistics(3), 1)


def test_a_mean_at_the_centre_has_no_direction() -> None:
    """Rounding is no direction; a mean 1e-9 off the centre, far above the rounding of the means, is one."""
    means = np.array([[0.1, 0.2], [0.3, 0.4], [0.2, 0.3]]) + 10.1
    view = ClassView(statistics(means, np.arange(3)), 1)
    assert (means - means.mean(axis=0))[2].any(), "NumPy leaves the rounding"
    assert view.centred[2].tolist() == [0, 0]
    assert view.norms[2] == 0
    np.testing.assert_allclose(torch.cat(list(view.units())), [[-math.sqrt(0.5)] * 2, [math.sqrt(0.5)] * 2], rtol=1e-12)
    means[2, 0] += 3e-9
    assert len(torch.cat(list(ClassView(statistics(means, np.arange(3)), 1).units()))) == 3


@pytest.mark.parametrize(("K", "D"), [(3, 9), (9, 3), (4, 4), (1, 5)])
def test_the_norm_of_a_product_needs_the_smaller_matrix_alone(K: int, D: int) -> None:
    rng = np.random.default_rng(K)
    left, right = rng.normal(size=(2, K, D))
    norm = small_gram_norm(torch.from_numpy(left), torch.from_numpy(right))
    assert float(norm) == pytest.approx(np.linalg.norm(left @ right.T), rel=1e-12)


def test_moments_are_those_of_the_whole_population() -> None:
    values = torch.tensor([1.0, 2.0, 6.0], dtype=torch.float64)
    assert moments(values) == pytest.approx((3.0, math.sqrt(14 / 3)))
    assert math.isnan(moments(values[:0])[0])
    assert math.isnan(moments(values[:0])[1])


def test_a_quotient_by_nothing_is_its_limit() -> None:
    assert quotient(3.0, 2.0) == 1.5
    assert quotient(3.0, 0.0) == math.inf
    assert math.isnan(quotient(0.0, 0.0))
    assert coefficient_of_variation(-4.0, 2.0) == -0.5
    assert coefficient_of_variation(1.0, 0.0) == 0
    assert math.isnan(coefficient_of_variation(1e-16, 0.5)), "of either sign"
    assert math.isnan(coefficient_of_variation(math.inf, math.nan))


def test_what_noise_covers_is_nothing_and_so_is_what_rounding_leaves() -> None:
    squared = torch.tensor([4.0, 4.0, 4.0, 4.0, 0.0], dtype=torch.float64)
    noise = torch.tensor([1.0, 5.0, 4.0, 4.0 - 1e-15, 0.0], dtype=torch.float64)
    assert beyond_noise(squared, noise).tolist() == [3, 0, 0, 0, 0]


@pytest.mark.parametrize("scale", [2.0**-60, 1.0, 2.0**60])
def test_what_is_left_of_a_square_is_something_from_a_share_of_it_on_whatever_its_size(scale: float) -> None:
    squared = torch.full((4,), scale, dtype=torch.float64)
    noise = squared * torch.tensor([0.0, 0.75, 1 - 2.0**-39, 1 - 2.0**-40], dtype=torch.float64)  # 1.8e-12, 0.9e-12
    assert (beyond_noise(squared, noise) / scale).tolist() == [1, 0.25, 2.0**-39, 0]


def test_scatter_of_equal_tokens_is_nothing_whatever_rounding_leaves() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(2, 1, 5)) / 3
    features = np.concatenate([np.repeat(one, 7, axis=0), other + 1e-5 * rng.normal(size=(7, 5))])
    stats = statistics(features, np.repeat([0, 1], 7))
    view = ClassView(stats, 1)
    assert view.scatter[0] == 0
    assert float(view.scatter[1]) == pytest.approx(((features[7:] - features[7:].mean(axis=0)) ** 2).sum(), rel=1e-4)


def test_rows_about_their_mean_are_zero_where_they_are_equal() -> None:
    rows = torch.tensor([[0.1, 0.7, 0.3]], dtype=torch.float64).repeat(7, 1)
    assert (rows - rows.mean(dim=0)).any(), "rounding is left"
    assert not about_their_mean(rows).any()
    rows[2] += 1e-9
    assert about_their_mean(rows).any(dim=1).all()
