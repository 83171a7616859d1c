"""Each row of the table says the truth of its metric: what it needs, reads, and is changed by."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from nc_hf import ClassifierHead, compute_metrics
from nc_hf.errors import InputError
from nc_hf.metrics import inputs
from nc_hf.metrics.compute import function_of
from nc_hf.metrics.decisions import AgreementCounts
from nc_hf.metrics.inputs import MetricInputs
from nc_hf.metrics.table import CHANGES, DIAGNOSTICS, FAMILIES, METRICS, PRESETS, Change, needs_of
from tests.reference.noisy_classes import metrics, rotation, statistics, tokens

Case = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]  # features, labels, head, the head's decisions
DIM = 9


def in_another_order(features: np.ndarray, labels: np.ndarray, weight: np.ndarray, linear: np.ndarray) -> Case:
    order = np.random.default_rng(1).permutation(len(labels))
    return features[order], labels[order], weight, linear[order]


DONE: dict[Change, Callable[..., Case]] = {
    "rotation": lambda h, y, w, linear: (h @ rotation(3, DIM), y, w @ rotation(3, DIM), linear),
    "order": in_another_order,
    "scale": lambda h, y, w, linear: (3.7 * h, y, w, linear),
    "shift": lambda h, y, w, linear: (h + np.linspace(-2, 1, DIM), y, w, linear),
    "head_shift": lambda h, y, w, linear: (h, y, w + np.linspace(-1, 2, DIM), linear),
    "duplication": lambda h, y, w, linear: (np.tile(h, (2, 1)), np.tile(y, 2), w, np.tile(linear, 2)),
}


@pytest.mark.parametrize("classes", [25, 6])
@pytest.mark.parametrize("change", CHANGES)
def test_a_change_moves_the_metrics_that_say_so_and_no_other(change: Change, classes: int) -> None:
    features, labels, weight = tokens(8, classes, DIM)
    case = features, labels, weight, (features @ weight.T).argmax(axis=1)
    before, after = metrics(*case), metrics(*DONE[change](*case))
    assert before.keys() == METRICS.keys()
    moved = {name for name in before if not math.isclose(before[name], after[name], rel_tol=1e-9, abs_tol=1e-12)}
    told = {name for name, metric in METRICS.items() if change in metric.changed_by}
    # Where no pair is left out, none is left out of twice the text either.
    assert moved - {"nc1_cdnv_excluded_share"} == told - {"nc1_cdnv_excluded_share"}


def test_what_leaves_a_metric_alone_is_the_rest() -> None:
    for metric in METRICS.values():
        assert set(metric.invariances) | set(metric.changed_by) == set(CHANGES)
        assert not set(metric.invariances) & set(metric.changed_by)


def test_twice_the_text_may_decide_that_a_pair_is_told_apart() -> None:
    """The one row that the case above cannot show: means so near that their noise covers the distance."""
    features, labels, weight = tokens(8, 25, DIM)
    features = 0.2 * features + np.random.default_rng(5).normal(size=features.shape)
    linear = (features @ weight.T).argmax(axis=1)
    before = metrics(features, labels, weight, linear)
    after = metrics(*DONE["duplication"](features, labels, weight, linear))
    assert before["nc1_cdnv_excluded_share"] > after["nc1_cdnv_excluded_share"]


@pytest.mark.parametrize("name", METRICS)
def test_a_row_names_its_function_and_family(name: str) -> None:
    metric = METRICS[name]
    assert metric.family in FAMILIES
    assert callable(function_of(metric.function))
    assert function_of(metric.function).__doc__


@pytest.mark.parametrize("name", METRICS)
def test_what_a_metric_needs_is_what_it_reads(name: str) -> None:
    """With what it needs it is there; without any part of it, it is refused by name before anything is computed."""
    features, labels, weight = tokens(8, 12, DIM)
    whole: dict[str, Any] = {
        "head": ClassifierHead(torch.from_numpy(weight), None),
        "agreement": AgreementCounts(tokens=8, agree=3, ncc_correct=2, linear_correct=4, agree_when_correct=1),
        "categories": {token: token % 3 for token in range(12)},
        "covariance": True,
    }

    def value(*given: str) -> float:
        stats = statistics(features, labels, covariance="covariance" in given)
        others = {need: whole[need] for need in given if need != "covariance"}
        return compute_metrics(stats, preset=[name], min_count=2, **others)[name]

    needs = METRICS[name].needs
    assert math.isfinite(value(*needs))
    for need in needs:
        with pytest.raises(InputError, match=f"{name} needs the {need}: "):
            value(*(other for other in needs if other != need))


@pytest.mark.parametrize("name", METRICS)
def test_the_pairs_of_a_row_are_those_that_its_function_reads(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    features, labels, weight = tokens(8, 12, DIM)
    counts = AgreementCounts(tokens=8, agree=3, ncc_correct=2, linear_correct=4, agree_when_correct=1)
    head = ClassifierHead(torch.from_numpy(weight), None)
    given = MetricInputs(statistics(features, labels, covariance=True), head, 2, counts, {0: 1, 1: 1})
    swept: list[str] = []
    make = MetricInputs._make
    monkeypatch.setattr(
        MetricInputs, "_make", staticmethod(lambda kind, *others: (swept.append(kind), make(kind, *others))[1])
    )
    function_of(METRICS[name].function)(given)  # nothing was announced, so what it reads is made when it is read
    assert swept == ([METRICS[name].pairs] if METRICS[name].pairs else [])


def test_several_metrics_of_one_set_of_classes_share_a_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    features, labels, _ = tokens(8, 12, DIM)
    sweeps: list[int] = []
    real = inputs.sweep
    monkeypatch.setattr(inputs, "sweep", lambda means, kernels: (sweeps.append(len(kernels)), real(means, kernels))[1])
    names = ["nc1_cdnv", "nc1_cdnv_median", "nc2_max_cos", "gnc2_log_std"]
    compute_metrics(statistics(features, labels), None, names, min_count=2)
    assert sweeps == [2]


def test_presets_and_diagnostics_are_of_the_table() -> None:
    assert {name for names in PRESETS.values() for name in names} <= METRICS.keys()
    assert set(DIAGNOSTICS) == {"nc1_cdnv_excluded_share", "nc4_nearest_ties", "nc4_linear_ties"}
    assert needs_of(PRESETS["core"]) == {"head", "agreement"}
