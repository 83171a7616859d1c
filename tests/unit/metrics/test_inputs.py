"""What metrics share: each kind of pairs over its own classes, every sweep once, and rows of a head that fit."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from nc_hf import ClassifierHead
from nc_hf.errors import LabelError, MergeError
from nc_hf.metrics import classes
from nc_hf.metrics import inputs as module
from nc_hf.metrics.geometry import cosine_moments
from nc_hf.metrics.inputs import MetricInputs
from tests.reference.noisy_classes import statistics

NOTHING: dict[str, Any] = {"min_count": 2, "agreement": None, "categories": None}
COUNTS = [1, 1, 3, 3, 4, 5, 6]


def drawn(counts: Sequence[int] = COUNTS, dim: int = 4) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    labels = np.repeat(2 * np.arange(len(counts)), counts)
    return rng.normal(size=(len(counts), dim))[labels // 2] + rng.normal(size=(len(labels), dim)), labels


def inputs(min_count: int = 3, head: Any = None, **options: Any) -> MetricInputs:
    return MetricInputs(statistics(*drawn()), head, min_count, None, None, **options)


@pytest.fixture
def sweeps(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, list[str]]]:
    """How many classes each sweep went over, and with which kernels."""
    made: list[tuple[int, list[str]]] = []
    plain = module.sweep

    def counted(centred: torch.Tensor, kernels: Sequence[Any], **options: Any) -> None:
        made.append((len(centred), sorted(type(kernel).__name__ for kernel in kernels)))
        plain(centred, kernels, **options)

    monkeypatch.setattr(module, "sweep", counted)
    return made


def test_nothing_is_swept_before_it_is_read(sweeps: list[tuple[int, list[str]]]) -> None:
    shared = inputs(wanted=("cdnv", "cdnv_quantiles", "directions", "cdnv_paper", "directions_paper"))
    assert sweeps == []
    assert shared.cdnv is shared.cdnv_quantiles, "the one with the median holds all that the other does"
    assert sweeps == [(5, ["DirectionKernel", "VariabilityKernel"])]
    assert shared.directions.log.count == 10
    assert len(sweeps) == 1, "those over the same classes run as one"
    assert shared.cdnv_paper.pairs == 21
    assert shared.directions_paper.log.count == 21
    assert sweeps[1:] == [(7, ["DirectionKernel", "VariabilityKernel"])]


def test_where_everything_counts_there_is_one_sweep(sweeps: list[tuple[int, list[str]]]) -> None:
    """Not one over those that count, and one over every class for the published definitions."""
    wanted = ("cdnv", "cdnv_median", "directions_riesz", "cdnv_paper", "directions_paper")
    for options in ({"min_count": 2}, {"classes": torch.arange(20)}):
        shared = MetricInputs(statistics(*drawn([3, 4, 5])), None, wanted=wanted, **{**NOTHING, **options})
        assert shared.directions is shared.directions_riesz
        assert shared.cdnv is shared.cdnv_median is shared.cdnv_quantiles
        assert (shared.cdnv.pairs, shared.cdnv_paper.pairs, shared.directions_paper.log.count) == (3, 3, 3)
        assert sweeps == [(3, ["DirectionKernel"] * 2 + ["VariabilityKernel"] * 2)]
        sweeps.clear()


def test_a_median_alone_comes_without_moments() -> None:
    shared, whole = inputs(), inputs()
    assert shared.cdnv_median.median() == whole.cdnv_quantiles.median()
    assert shared.cdnv_median.excluded == whole.cdnv_quantiles.excluded
    assert math.isnan(shared.cdnv_median.values.mean)
    assert shared.cdnv.values.mean == whole.cdnv.values.mean


def test_a_sweep_that_nobody_announced_runs_when_it_is_read(sweeps: list[tuple[int, list[str]]]) -> None:
    shared = inputs()
    assert shared.cdnv.pairs == 10
    assert shared.cdnv_paper.pairs == 21
    assert [classes for classes, _ in sweeps] == [5, 7]


def test_variability_is_of_classes_with_a_variance_and_directions_of_all_that_count() -> None:
    shared = inputs(min_count=1, wanted=("cdnv", "directions"))
    assert shared.cdnv.pairs == math.comb(5, 2)
    assert shared.directions.log.count == math.comb(7, 2)
    assert (shared.used.num_classes, shared.spread.num_classes, shared.every.num_classes) == (7, 5, 7)
    assert shared.used is shared.every
    assert inputs().used is not inputs().every


def test_a_median_that_escapes_its_bracket_is_looked_for_again(
    monkeypatch: pytest.MonkeyPatch, sweeps: list[tuple[int, list[str]]]
) -> None:
    """The sample of pairs that sets the bracket may mislead; what is found in the end is the median of all pairs."""
    expected = inputs().cdnv_quantiles.median()
    sweeps.clear()
    brackets = iter([(0.0, 1e-9), (1e9, math.inf), (-math.inf, math.inf)])
    widened: list[float] = []

    def misleading(means: Any, variance: Any, bias: Any, widen: float) -> tuple[float, float]:
        widened.append(widen)
        return next(brackets)

    monkeypatch.setattr(module, "sample_bracket", misleading)
    again = inputs()
    assert again.cdnv_quantiles.median() == expected
    assert widened == [5.0, 50.0, math.inf]
    assert len(sweeps) == 3


@pytest.mark.parametrize("min_count", [1, 4, 10])
def test_named_classes_hold_for_the_classes_that_count_but_not_for_every_one(min_count: int) -> None:
    """Whatever ``min_count`` would say, and 0, which has one token, and 40, which has none, have no variance."""
    shared = inputs(min_count=min_count, classes=torch.tensor([0, 4, 6, 8, 40]))
    assert shared.used.class_ids.tolist() == shared.spread.class_ids.tolist() == [4, 6, 8]
    assert shared.used is shared.spread
    assert (shared.cdnv.pairs, shared.directions.log.count) == (3, 3)
    assert (shared.every.num_classes, shared.cdnv_paper.pairs, shared.directions_paper.log.count) == (7, 21, 21)


def test_cosines_are_those_of_a_loop_and_nan_of_what_has_no_direction() -> None:
    features, labels = drawn()
    rng = np.random.default_rng(3)
    weight = rng.normal(size=(20, 4))
    weight[8] = 0.0
    shared = inputs(head=ClassifierHead(weight=torch.from_numpy(weight), bias=None))
    ids = [4, 6, 8, 10, 12]
    means = np.stack([features[labels == c].mean(axis=0) for c in ids])
    m, rows = means - means.mean(axis=0), weight[ids]

    def cosines(left: np.ndarray) -> list[float]:  # of the classes whose row is not zero
        return [float(a @ b / np.linalg.norm(a) / np.linalg.norm(b)) for a, b in zip(left, m, strict=True) if a.any()]

    assert math.isnan(shared.duality_raw[2])
    assert shared.duality_raw[[0, 1, 3, 4]].tolist() == pytest.approx(cosines(rows))
    assert shared.duality_by_class.tolist() == pytest.approx(cosines(rows - rows.mean(axis=0)))
    assert shared.duality_every.isnan().tolist() == [False] * 4 + [True] + [False] * 2
    assert shared.weight.dtype == torch.float64


def test_pairs_are_those_of_a_loop() -> None:
    features, labels = drawn()
    of_class = [features[labels == c] for c in (4, 6, 8, 10, 12)]
    values = []
    for a, b in itertools.combinations(of_class, 2):
        spread = (a.var(axis=0, ddof=1).sum(), b.var(axis=0, ddof=1).sum())
        distance = ((a.mean(axis=0) - b.mean(axis=0)) ** 2).sum() - spread[0] / len(a) - spread[1] / len(b)
        values.append(sum(spread) / 2 / distance if distance > 0 else math.inf)
    told_apart = [value for value in values if value < math.inf]
    kernel = inputs().cdnv_quantiles
    assert kernel.values.mean == pytest.approx(np.mean(told_apart))
    assert kernel.median() == pytest.approx(np.median(values))
    assert kernel.log_mean == pytest.approx(np.log(values).mean())
    assert kernel.excluded == 10 - len(told_apart)


@pytest.mark.parametrize(
    ("shape", "kind", "said"),
    [
        ((12, 4), LabelError, "label 12 is beyond the head's 12 classes: pass the one"),
        ((13, 5), MergeError, "the head reads features of width 5 and the statistics hold width 4: take both"),
    ],
)
def test_a_head_that_does_not_fit_is_refused(shape: tuple[int, int], kind: type[Exception], said: str) -> None:
    with pytest.raises(kind, match=said):
        _ = inputs(head=SimpleNamespace(weight=torch.zeros(shape))).weight
    assert inputs(head=SimpleNamespace(weight=torch.zeros(13, 4))).weight.shape == (5, 4)


@pytest.mark.parametrize("rows", [1, 2, 5, 7])
def test_rows_are_taken_some_at_a_time_and_the_values_stay(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last row of the head is the mean of the others', so that it lies at their centre but for rounding."""
    weight = torch.randn(13, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    weight[12] = weight[[4, 6, 8, 10]].mean(dim=0)
    head = SimpleNamespace(weight=weight)
    whole = inputs(head=head)
    names = ("duality_raw", "duality_by_class", "duality_every", "weight")
    wanted = {name: getattr(whole, name) for name in names}
    moments = cosine_moments(whole.every)
    monkeypatch.setattr(module, "ROWS", rows)
    monkeypatch.setattr(classes, "ROWS", rows)
    parts = inputs(head=head)
    for name, values in wanted.items():
        torch.testing.assert_close(getattr(parts, name), values, rtol=1e-12, atol=1e-14, equal_nan=True)
    assert bool(parts.duality_by_class[4].isnan()), "the row is the mean of all five"
    assert cosine_moments(parts.every) == pytest.approx(moments, rel=1e-12)
