"""Class means and classifier rows in two dimensions, for a map of the tokens.

Both are taken about their mean over the K classes and divided by their own root mean square length, so that a
classifier that is dual to the class means (NC3) has each row where its class mean is, and distances are in the unit of
``norm``. A projection onto two orthonormal axes never lengthens a distance: what is apart on the map is apart, while
what is near may differ along the axes that it leaves out, whose share is said.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from nc_hf.metrics.rows import about_their_mean

AxesOf = Literal["means", "rows"]
"""Whose principal axes span the plane: those of the class means, or of the classifier's rows."""
PLANES: tuple[AxesOf, ...] = get_args(AxesOf)


@dataclass(frozen=True)
class Projection:
    """K classes on a plane.

    Attributes:
        means, rows: (K, 2) float64, centred class means and classifier rows.
        means_share, rows_share: (2,) float64, the share of their variance that lies along each axis; NaN where there is
            none, and at most 1 together.
    """

    means: Tensor
    rows: Tensor
    means_share: Tensor
    rows_share: Tensor


def project(means: Tensor, rows: Tensor, axes_of: AxesOf) -> Projection:
    """Project class means and classifier rows onto the two principal axes of the one or the other.

    Every class weighs the same. An axis points to where the class farthest along it lies, the first of those equally
    far, so that neither the order of the classes nor a rotation of the features turns the map over.

    Args:
        means: (K, D) float64 class means.
        rows: (K, D) float64 rows of the head, of the same classes.
        axes_of: whose axes.
    """
    means, rows = about_their_mean(means), about_their_mean(rows)
    chosen = means if axes_of == "means" else rows
    axes = principal_axes(chosen)
    along = chosen @ axes
    farthest = along.gather(0, along.abs().argmax(dim=0, keepdim=True))
    axes = axes * torch.where(farthest < 0, -1.0, 1.0)
    on_plane, means_share = _along(means, axes)
    rows_on_plane, rows_share = _along(rows, axes)
    return Projection(on_plane, rows_on_plane, means_share, rows_share)


def principal_axes(points: Tensor) -> Tensor:
    """Return the two orthonormal directions of most variance of centred ``points`` (K, D), by the smaller problem.

    Returns:
        (D, 2) float64, the first axis first; an axis along which nothing varies is 0.
    """
    axes = points.new_zeros(points.shape[1], 2)
    if len(points) < points.shape[1]:
        variances, places = torch.linalg.eigh(points @ points.T)
        found = points.T @ places[:, -2:]
    else:
        variances, found = torch.linalg.eigh(points.T @ points)
        found = found[:, -2:]
    there = variances[-2:] > variances[-1] * len(variances) * torch.finfo(points.dtype).eps
    found = torch.where(there, found / torch.linalg.vector_norm(found, dim=0), 0.0).flip(1)
    axes[:, : found.shape[1]] = found
    return axes


def _along(points: Tensor, axes: Tensor) -> tuple[Tensor, Tensor]:
    """Return where centred points lie, in their root mean square length, and the share of their variance by axis."""
    variance = points.square().sum() / len(points)
    along = points @ axes
    share = along.square().mean(dim=0) / variance
    return (along / variance.sqrt() if variance > 0 else along), share
