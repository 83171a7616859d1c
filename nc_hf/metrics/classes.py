"""The classes that a metric looks at, and the quantities of METRICS that every family shares."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cached_property

import torch
from torch import Tensor

from nc_hf.errors import StatisticsError
from nc_hf.errors.remedies import Remedy
from nc_hf.metrics.rows import ROUNDING, ROWS, ClassMeans
from nc_hf.statistics.class_statistics import ClassStatistics

# A difference of squares keeps no digit below this share of them.
_LEFT_OVER = 1e-12


class ClassView:
    """The K classes with at least ``min_count`` tokens, or those named: means, centred means, norms and variances.

    Shapes: K classes, D features; everything is float64 on the device of the statistics.

    Raises:
        StatisticsError: fewer than two classes are left.
    """

    def __init__(self, stats: ClassStatistics, min_count: int = 2, classes: Tensor | None = None) -> None:
        """Choose the classes: by their counts or, if ``classes`` names them, of these all that have a variance."""
        counts = stats.counts
        used = counts >= min_count if classes is None else counted(stats, classes)
        self.num_classes = int(used.sum())
        if self.num_classes < 2:
            few = "tokens, and collapse is a property of two or more"
            if classes is not None:
                listed = f"{self.num_classes} of the {len(classes)} classes that count have at least {min_count}"
                raise StatisticsError(f"{listed} {few}", Remedy.MORE_TEXT)
            raise StatisticsError(
                f"{self.num_classes} of {stats.num_classes} classes have at least {min_count} {few}: measure more text "
                "or lower min_count."
            )
        self.dim = stats.dim
        self.class_ids = stats.class_ids[used]
        self.counts = counts[used].double()
        self.means = ClassMeans(stats, None if bool(used.all()) else used.nonzero().squeeze(1))
        self._scatter = stats.scatter[used]

    @cached_property
    def rounding(self) -> float:
        """What a mean may be off by: two that are no further apart coincide, and one no longer than this is zero."""
        return ROUNDING * float(self.means.norms.max())

    @cached_property
    def centred(self) -> Tensor:
        """(K, D): m_c = mu_c - mu, with mu the unweighted mean over classes."""
        return self.about(self.means.mean())

    @cached_property
    def uncentred(self) -> ClassMeans:
        """(K, D): mu_c, exactly zero where it is zero but for rounding."""
        return self.means.without(self.rounding)

    def about(self, centre: Tensor) -> Tensor:
        """(K, D): mu_c less the centre (D,), exactly zero where the class lies there but for rounding."""
        return self.means.about(centre, self.rounding)

    @cached_property
    def norms(self) -> Tensor:
        """(K,): |m_c|."""
        norms: Tensor = torch.linalg.vector_norm(self.centred, dim=1)
        return norms

    def units(self) -> Iterator[Tensor]:
        """Yield (N, D): u_c = m_c / |m_c|, of the classes whose m_c is not zero, some rows at a time."""
        for rows, norms in zip(torch.split(self.centred, ROWS), torch.split(self.norms, ROWS), strict=True):
            defined = norms > 0
            yield rows[defined].div_(norms[defined].unsqueeze(1))

    @cached_property
    def undirected(self) -> int:
        """How many m_c are zero, and so without a direction."""
        return int((self.norms == 0).sum())

    @cached_property
    def scatter(self) -> Tensor:
        """(K,): M2_c, exactly zero where the tokens of the class are one but for rounding."""
        # It is the difference of two sums over tokens about a point among the means.
        squares = ROUNDING * float(self.norms.square().max()) + self.rounding**2
        scatter: Tensor = self._scatter.where(self._scatter > squares * self.counts, 0.0)
        return scatter

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

    @cached_property
    def gram_norm(self) -> Tensor:
        """Scalar: ||M M^T||_F, from the smaller of the two Gram matrices."""
        return small_gram_norm(self.centred, self.centred)


def counted(stats: ClassStatistics, classes: Tensor) -> Tensor:
    """(C,) bool: which classes of the statistics are among ``classes`` and have a variance, of two tokens or more."""
    return torch.isin(stats.class_ids, classes.to(stats.class_ids.device)) & (stats.counts >= 2)


def used_classes(stats: ClassStatistics, classes: Tensor | None) -> Tensor:
    """(C,) bool: which classes of the statistics metrics speak of: those `counted`, or all."""
    return stats.counts > 0 if classes is None else counted(stats, classes)


def small_gram_norm(left: Tensor, right: Tensor) -> Tensor:
    """Return ||A B^T||_F for (K, D) matrices without a K x K matrix unless K <= D."""
    if len(left) <= left.shape[1]:
        small: Tensor = torch.linalg.matrix_norm(left @ right.T)
        return small
    squared: Tensor = ((left.T @ left) * (right.T @ right)).sum()
    norm: Tensor = squared.clamp_(min=0.0).sqrt()
    return norm


def moments(values: Tensor) -> tuple[float, float]:
    """Return mean and population standard deviation: NaN of no value; an infinite one leaves no spread."""
    if values.numel() == 0:
        return math.nan, math.nan
    return float(values.mean()), float(values.std(correction=0))


def beyond_noise(squared: Tensor, noise: Tensor) -> Tensor:
    """Return squared distances less their noise: 0 where that covers them, or all of them but for rounding."""
    rest = squared - noise
    return rest.where(rest > _LEFT_OVER * squared, 0.0)


def quotient(part: float, whole: float) -> float:
    """Return part / whole, neither negative, with its limit: infinite by nothing, NaN where both are nothing."""
    if whole:
        return part / whole
    return math.inf if part > 0 else math.nan


def coefficient_of_variation(mean: float, std: float) -> float:
    """Return std / mean of logarithms or cosines; NaN by a mean that is zero but for rounding: it has no sign."""
    return std / mean if abs(mean) > ROUNDING * max(1.0, std) else math.nan
