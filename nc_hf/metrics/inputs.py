"""What a metric is computed from, with everything that several metrics need computed once."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from copy import copy
from functools import cached_property
from typing import Protocol, TypeVar

import torch
from torch import Tensor

from nc_hf.errors import LabelError, MergeError
from nc_hf.errors.remedies import Remedy
from nc_hf.metrics.classes import ClassView, counted
from nc_hf.metrics.decisions import AgreementCounts
from nc_hf.metrics.drawing import drawn_pairs
from nc_hf.metrics.kernels import DirectionKernel, VariabilityKernel, sample_bracket
from nc_hf.metrics.pairwise import PairKernel, sweep
from nc_hf.metrics.rows import ROWS, Rows, rounding_of, without_rounding
from nc_hf.metrics.table import Pairs
from nc_hf.statistics.class_statistics import ClassStatistics

K = TypeVar("K", bound=PairKernel)
# Which sweep holds all that others do, for little more time.
_HOLDS: dict[Pairs, frozenset[Pairs]] = {
    "cdnv_quantiles": frozenset({"cdnv", "cdnv_median"}),
    "directions_riesz": frozenset({"directions"}),
}


# Classes of whose draws the values take no more than 64 MB.
_FEW = 1 << 17


class Head(Protocol):
    """What the duality metrics ask of a classifier head."""

    @property
    def weight(self) -> Tensor:
        """(V, D): one row a class."""


class MetricInputs:
    """Statistics, head and agreement, with views of the classes and sweeps over pairs made once and shared.

    Args:
        stats: the statistics.
        head: the classifier head, for NC0 and NC3.
        min_count: a class counts with at least so many tokens, unless ``classes`` says which count.
        agreement: decisions of both classifiers, for NC4.
        categories: category of a token id, for the shares of variance.
        wanted: the sweeps that will be read, so that those over the same classes run as one; another one that is
            read all the same runs then.
        classes: as of `nc_hf.metrics.compute_metrics`.
        second: statistics of a second corpus, for NC5.

    Attributes:
        draw: the number of the draw whose pairs are looked at; None for all pairs.
    """

    draw: int | None = None
    _dealt_for: int | None = None

    def __init__(
        self,
        stats: ClassStatistics,
        head: Head | None,
        min_count: int,
        agreement: AgreementCounts | None,
        categories: Mapping[int, int] | None,
        wanted: Collection[Pairs] = (),
        classes: Tensor | None = None,
        second: ClassStatistics | None = None,
    ) -> None:
        """Keep the inputs; nothing is computed yet."""
        self.second = second
        self.stats, self.head, self.agreement, self.categories = stats, head, agreement, categories
        self._min_count, self._classes = min_count, classes
        self._wanted: set[Pairs] = set(wanted)
        if {"cdnv", "cdnv_median"} <= self._wanted:
            self._wanted.add("cdnv_quantiles")  # both in one
        self._views: dict[int | None, ClassView] = {}  # by fewest tokens; None: the listed ones
        self._kernels: dict[Pairs, PairKernel] = {}

    def of_draw(self, number: int, num_classes: int | None = None) -> MetricInputs:
        """Return the same inputs, of which no pairs are looked at but those of a draw, as `drawn_pairs` has them."""
        other = copy(self)
        other.draw, other._dealt_for, other._kernels = number, num_classes, {}
        return other

    @property
    def used(self) -> ClassView:
        """The classes that count."""
        return self._view(self._min_count) if self._classes is None else self._listed

    @property
    def spread(self) -> ClassView:
        """The classes that count and have an unbiased variance: two tokens or more."""
        return self._view(max(self._min_count, 2)) if self._classes is None else self._listed

    @property
    def every(self) -> ClassView:
        """Every class seen: what the ``_paper`` definitions use."""
        return self._view(1)

    @cached_property
    def weight(self) -> Tensor:
        """(K, D) float64: w_c of the used classes."""
        return torch.cat(list(self._weight_of(self.used)))

    @cached_property
    def duality_raw(self) -> Tensor:
        """(K,): cos(w_c, m_c) of the used classes; NaN where either is zero."""
        return self._row_cosines(self.used)

    @cached_property
    def duality_every(self) -> Tensor:
        """(C,): the same of every class seen."""
        return self._row_cosines(self.every)

    @cached_property
    def duality_by_class(self) -> Tensor:
        """(K,): cos(w~_c, m_c), with the mean row of W over the used classes taken away; NaN where either is zero."""
        total = sum((rows.sum(dim=0) for rows in self._weight_of(self.used)), torch.zeros((), dtype=torch.float64))
        rounding = max(rounding_of(rows) for rows in self._weight_of(self.used))
        return self._row_cosines(self.used, total / self.used.num_classes, rounding)

    @property
    def cdnv(self) -> VariabilityKernel:
        """Corrected CDNV over pairs of classes that have a variance."""
        return self._kernel("cdnv", VariabilityKernel)

    @property
    def cdnv_median(self) -> VariabilityKernel:
        """The same with the median, and without its moments and its largest values."""
        return self._kernel("cdnv_median", VariabilityKernel)

    @property
    def cdnv_quantiles(self) -> VariabilityKernel:
        """The same with the median, and the mean of the logarithms."""
        return self._kernel("cdnv_quantiles", VariabilityKernel)

    @property
    def cdnv_paper(self) -> VariabilityKernel:
        """CDNV over pairs of all classes in the paper's form."""
        return self._kernel("cdnv_paper", VariabilityKernel)

    @property
    def directions(self) -> DirectionKernel:
        """Distances between centred directions of the classes that count."""
        return self._kernel("directions", DirectionKernel)

    @property
    def directions_riesz(self) -> DirectionKernel:
        """The same with the Riesz sum."""
        return self._kernel("directions_riesz", DirectionKernel)

    @property
    def directions_paper(self) -> DirectionKernel:
        """Distances between directions of all classes that are not centred."""
        return self._kernel("directions_paper", DirectionKernel)

    @property
    def _listed(self) -> ClassView:
        assert self._classes is not None
        if self.stats.num_classes > 1 and bool(counted(self.stats, self._classes).all()):
            return self.every
        if None not in self._views:
            self._views[None] = ClassView(self.stats, classes=self._classes)
        return self._views[None]

    def _view(self, min_count: int) -> ClassView:
        # Where the rarest has enough it is every class: one view, and one sweep over its pairs.
        if self.stats.num_classes > 1 and int(self.stats.counts.min()) >= min_count:
            min_count = 1
        if min_count not in self._views:
            self._views[min_count] = ClassView(self.stats, min_count)
        return self._views[min_count]

    def _row_cosines(self, view: ClassView, centre: Tensor | float = 0.0, rounding: float = 0.0) -> Tensor:
        """(K,): cos(w_c - centre, m_c), NaN where either is zero, the one but for ``rounding``."""
        means = torch.split(view.centred, ROWS)
        parts = (
            _cosines(without_rounding(rows - centre, rounding), mine)
            for rows, mine in zip(self._weight_of(view), means, strict=True)
        )
        return torch.cat(list(parts))

    def _weight_of(self, view: ClassView) -> Iterator[Tensor]:
        """Yield (N, D) float64: w_c of the classes of a view, some at a time."""
        assert self.head is not None, "a metric that needs the head was computed without it"
        weight, last = self.head.weight.detach(), int(view.class_ids[-1])
        if last >= len(weight):
            raise LabelError(f"label {last} is beyond the head's {len(weight)} classes", Remedy.TOKENIZER)
        if weight.shape[1] != self.stats.dim:
            raise MergeError(
                f"the head reads features of width {weight.shape[1]} and the statistics hold width {self.stats.dim}: "
                "take both from the same model and layer."
            )
        for ids in torch.split(view.class_ids.to(weight.device), ROWS):
            yield weight[ids].to(view.means.device).double()

    def _kernel(self, kind: Pairs, of_type: type[K]) -> K:
        held = next((more for more in self._wanted if kind in _HOLDS.get(more, ())), kind)
        if held not in self._kernels:
            self._wanted.add(held)
            self._sweep(self._classes_of(held))
        kernel = self._kernels[held]
        assert isinstance(kernel, of_type)
        return kernel

    def _classes_of(self, kind: Pairs) -> ClassView:
        """Each kind of pairs goes over its own classes: those that count, those with a variance, or every one."""
        if kind in ("directions", "directions_riesz"):
            return self.used
        return self.every if kind in ("cdnv_paper", "directions_paper") else self.spread

    def _sweep(self, view: ClassView) -> None:
        """Run all wanted kernels over one set of classes; again only if the median escaped its bracket."""
        kinds = {kind for kind in self._wanted - self._kernels.keys() if self._classes_of(kind) is view}
        kinds -= {less for more in kinds for less in _HOLDS.get(more, ())}
        few = self.draw is not None and view.num_classes <= _FEW  # of a draw's pairs all values can be kept
        for widen in (math.inf,) if few else (5.0, 50.0, math.inf):
            kernels = {kind: self._make(kind, view, widen) for kind in kinds}
            drawn = None if self.draw is None else drawn_pairs(view.class_ids, self.draw, self._dealt_for)
            sweep(view.centred, list(kernels.values()), means=view.means, rounding=view.rounding, drawn=drawn)
            variability = [kernel for kernel in kernels.values() if isinstance(kernel, VariabilityKernel)]
            if all(kernel.median() is not None for kernel in variability):
                break
        self._kernels |= kernels

    @staticmethod
    def _make(kind: Pairs, view: ClassView, widen: float) -> PairKernel:
        if kind in ("directions", "directions_riesz", "directions_paper"):
            vectors: Rows = view.uncentred if kind == "directions_paper" else view.centred
            return DirectionKernel(vectors, view.means, view.rounding, riesz=kind == "directions_riesz")
        if kind == "cdnv_paper":
            return VariabilityKernel(view.variance_biased, None, power=2)
        bias = view.variance / view.counts
        bracket = None if kind == "cdnv" else sample_bracket(view.centred, view.variance, bias, widen)
        return VariabilityKernel(view.variance, bias, power=1, bracket=bracket, median_alone=kind == "cdnv_median")


def _cosines(left: Tensor, right: Tensor) -> Tensor:
    norms = torch.linalg.vector_norm(left, dim=1) * torch.linalg.vector_norm(right, dim=1)
    cosines: Tensor = (left * right).sum(dim=1) / norms.where(norms > 0, torch.nan)
    return cosines
