"""The plane of a map: the definition by SVD, what leaves it as it is, and what distances on it mean."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from nc_hf.metrics.projection import PLANES, AxesOf, Projection, principal_axes, project
from tests.reference.oracle import oracle_map


def points(classes: int, dim: int, seed: int) -> Tensor:
    """Points that vary by another amount along each direction, far from the origin."""
    made = torch.randn(classes, dim, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return made * torch.linspace(3, 0.5, dim, dtype=torch.float64) + 7


def rotation(dim: int) -> Tensor:
    square = torch.randn(dim, dim, dtype=torch.float64, generator=torch.Generator().manual_seed(9))
    return torch.linalg.qr(square).Q


def assert_same(one: Projection, other: Projection, order: Tensor | slice = slice(None)) -> None:
    torch.testing.assert_close(one.means[order], other.means, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(one.rows[order], other.rows, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(one.means_share, other.means_share, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(one.rows_share, other.rows_share, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("axes_of", PLANES)
class TestPlane:
    @pytest.mark.parametrize(("classes", "dim"), [(40, 8), (7, 30), (9, 9), (3, 2)])
    def test_it_is_as_its_definition_reads(self, axes_of: AxesOf, classes: int, dim: int) -> None:
        """With more classes than dimensions, and with fewer."""
        means, rows = points(classes, dim, 1), points(classes, dim, 2)
        expected, found = oracle_map(means.numpy(), rows.numpy(), axes_of), project(means, rows, axes_of)
        sign = torch.sign((getattr(found, axes_of) * torch.from_numpy(expected[axes_of][0])).sum(dim=0))
        for name in ("means", "rows"):
            where, share = (torch.from_numpy(value) for value in expected[name])
            torch.testing.assert_close(getattr(found, name), where * sign, rtol=1e-9, atol=1e-9)
            torch.testing.assert_close(getattr(found, f"{name}_share"), share, rtol=1e-9, atol=1e-12)
        along = getattr(found, axes_of)
        farthest = along.abs().argmax(dim=0)
        assert (along[farthest, torch.arange(2)] > 0).all(), "an axis points to the farthest"

    def test_neither_order_nor_rotation_nor_a_shift_nor_the_scale_changes_it(self, axes_of: AxesOf) -> None:
        means, rows = points(30, 6, 3), points(30, 6, 4)
        whole, turn = project(means, rows, axes_of), rotation(6)
        order = torch.randperm(30, generator=torch.Generator().manual_seed(5))
        assert_same(whole, project(means[order], rows[order], axes_of), order)
        assert_same(whole, project(means @ turn, rows @ turn, axes_of))
        assert_same(whole, project(means + 11, rows - 5, axes_of))
        assert_same(whole, project(means * 1e3, rows * 1e-3, axes_of))

    def test_no_distance_is_longer_than_between_the_classes(self, axes_of: AxesOf) -> None:
        means, rows = points(30, 6, 3), points(30, 6, 4)
        size = (means - means.mean(dim=0)).square().sum(dim=1).mean().sqrt()
        found = project(means, rows, axes_of)
        assert (torch.pdist(found.means) <= torch.pdist(means) / size + 1e-12).all()
        assert float(found.means_share.sum()) < 1

    def test_a_dual_classifier_has_each_row_where_its_class_mean_is(self, axes_of: AxesOf) -> None:
        means = points(30, 6, 3)
        found = project(means, 0.01 * (means - 4), axes_of)
        torch.testing.assert_close(found.rows, found.means, rtol=1e-9, atol=1e-9)

    def test_two_classes_lie_on_a_line(self, axes_of: AxesOf) -> None:
        means = torch.tensor([[1.0, 2.0, 5.0], [3.0, 2.0, 1.0]], dtype=torch.float64)
        found = project(means, means, axes_of)
        torch.testing.assert_close(found.means, torch.tensor([[1.0, 0.0], [-1.0, 0.0]], dtype=torch.float64))
        assert found.means_share.tolist() == pytest.approx([1, 0], abs=1e-15)

    def test_features_of_one_dimension_have_one_axis(self, axes_of: AxesOf) -> None:
        means = points(5, 1, 3)
        found = project(means, means, axes_of)
        assert found.means[:, 1].tolist() == [0] * 5
        assert found.rows_share.tolist() == pytest.approx([1, 0])

    def test_where_nothing_varies_everything_is_at_one_point_and_no_share_is_said(self, axes_of: AxesOf) -> None:
        one = torch.full((4, 3), 0.1, dtype=torch.float64)
        found = project(one, one, axes_of)
        assert not found.means.any()
        assert found.means_share.isnan().all()


@pytest.mark.parametrize(("classes", "dim"), [(40, 8), (7, 30)])
def test_axes_are_orthonormal(classes: int, dim: int) -> None:
    some = points(classes, dim, 1)
    axes = principal_axes(some - some.mean(dim=0))
    torch.testing.assert_close(axes.T @ axes, torch.eye(2, dtype=torch.float64))
