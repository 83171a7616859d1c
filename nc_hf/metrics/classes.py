"""The classes that a metric looks at, and the quantities of METRICS that every family shares."""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor

from nc_hf.errors import StatisticsError
from nc_hf.statistics.class_statistics import ClassStatistics

# Means are float64 sums over a class's tokens: what is smaller than this share of the largest mean is rounding.
_ROUNDING = 1e-14


class ClassView:
    """The K classes with at least ``min_count`` tokens, or those named: means, centred means, norms and variances.

    Shapes: K classes, D features; everything is float64 on the device of the statistics.

    Raises:
        StatisticsError: fewer than two classes have ``min_count`` tokens.
    """

    def __init__(self, stats: ClassStatistics, min_count: int, classes: Tensor | None = None) -> None:
        """Choose the classes: by their counts or, if ``classes`` names them, of these all that have a variance."""
        counts = stats.counts
        used = counts >= min_count if classes is None else torch.isin(stats.class_ids, classes) & (counts >= 2)
        self.num_classes = int(used.sum())
        if self.num_classes < 2:
            raise StatisticsError(
                f"{self.num_classes} of {stats.num_classes} classes have at least {min_count} tokens, and collapse is "
                "a property of two or more: measure more text or lower min_count."
            )
        self.min_count = min_count
        self.dim = stats.dim
        self.class_ids = stats.class_ids[used]
        self.counts = counts[used].double()
        self.means = stats.means[used]
        self.scatter = stats.scatter[used]

    @cached_property
    def centred(self) -> Tensor:
        """(K, D): m_c = mu_c - mu, with mu the unweighted mean over classes."""
        return self._without_rounding(self.means - self.means.mean(dim=0))

    @cached_property
    def uncentred(self) -> Tensor:
        """(K, D): mu_c, exactly zero where it is zero but for rounding."""
        return self._without_rounding(self.means)

    @cached_property
    def norms(self) -> Tensor:
        """(K,): |m_c|."""
        norms: Tensor = torch.linalg.vector_norm(self.centred, dim=1)
        return norms

    @cached_property
    def units(self) -> Tensor:
        """(K', D): u_c = m_c / |m_c|, of the classes whose m_c is not zero."""
        defined = self.norms > 0
        units: Tensor = self.centred[defined] / self.norms[defined].unsqueeze(1)
        return units

    @cached_property
    def variance_biased(self) -> Tensor:
        """(K,): var_c = M2_c / n_c."""
        variance: Tensor = self.scatter / self.counts
        return variance

    @cached_property
    def variance(self) -> Tensor:
        """(K,): s2_c = M2_c / (n_c - 1); the view must have been made with ``min_count`` of two or more."""
        variance: Tensor = self.scatter / (self.counts - 1)
        return variance

    def _without_rounding(self, vectors: Tensor) -> Tensor:
        """Put to zero the rows that are nothing but the rounding of the means: they have no direction."""
        scale = torch.linalg.vector_norm(self.means, dim=1).max()
        nothing = torch.linalg.vector_norm(vectors, dim=1, keepdim=True) <= _ROUNDING * scale
        return vectors.masked_fill(nothing, 0.0)

    @cached_property
    def gram_norm(self) -> Tensor:
        """Scalar: ||M M^T||_F, from the smaller of the two Gram matrices."""
        return small_gram_norm(self.centred, self.centred)


def small_gram_norm(left: Tensor, right: Tensor) -> Tensor:
    """Return ||A B^T||_F for (K, D) matrices without a K x K matrix unless K <= D."""
    if len(left) <= left.shape[1]:
        small: Tensor = torch.linalg.matrix_norm(left @ right.T)
        return small
    squared: Tensor = ((left.T @ left) * (right.T @ right)).sum()
    norm: Tensor = squared.clamp_(min=0.0).sqrt()
    return norm


def moments(values: Tensor) -> tuple[float, float]:
    """Return mean and population standard deviation."""
    return float(values.mean()), float(values.std(correction=0))


def coefficient_of_variation(values: Tensor) -> float:
    """Return std / mean, in the population form."""
    mean, std = moments(values)
    return std / mean if mean else float("nan")
