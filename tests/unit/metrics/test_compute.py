"""Which classes, tokens and inputs a metric takes, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from nc_hf import PRESETS, ClassifierHead, ClassStatistics, compute_metrics
from nc_hf.errors import InputError, StatisticsError
from nc_hf.metrics.compute import metric_names, pass_metrics
from nc_hf.metrics.decisions import count_agreement
from nc_hf.metrics.table import METRICS
from tests.reference.cases import CASES, assert_equal, gaussian
from tests.reference.oracle import oracle_agreement, oracle_metrics


def test_only_what_needs_a_variance_needs_two_tokens_of_a_class() -> None:
    """One token each: every metric that does not divide by n_c - 1 is there when it is asked for by name."""
    case = gaussian(16, [1] * 20, 6)
    expected = oracle_metrics(case.features, case.labels, case.weight, min_count=1)
    for name in expected:
        actual = compute_metrics(case.statistics(), case.head, preset=[name], min_count=1)
        assert actual == pytest.approx({name: expected[name]}, rel=1e-9, nan_ok=True)
    corrected = {name for name, metric in METRICS.items() if metric.pairs in ("cdnv", "cdnv_median", "cdnv_quantiles")}
    assert len(corrected) == 5
    for name in corrected | {"nc1_trace_ratio", "nc1_trace_ratio_token_weighted"}:
        with pytest.raises(StatisticsError):
            compute_metrics(case.statistics(), case.head, preset=[name], min_count=1)


@pytest.mark.parametrize("name", ["singletons", "Zipf counts", "classes below min_count"])
def test_paper_preset_uses_every_class(name: str) -> None:
    """Each value of the preset is taken over all classes, whatever min_count is asked for."""
    case = CASES[name]()
    logits = case.logits()
    counts = count_agreement(
        case.statistics(),
        torch.from_numpy(case.features),
        torch.from_numpy(case.labels),
        torch.from_numpy(logits.argmax(axis=1)),
        leave_one_out=False,
    )
    actual = compute_metrics(case.statistics(), case.head, preset="paper", min_count=10, agreement=counts)
    expected = oracle_metrics(case.features, case.labels, case.weight, min_count=1)
    expected |= oracle_agreement(case.features, case.labels, case.features, case.labels, logits, leave_one_out=False)
    assert set(actual) == set(PRESETS["paper"])
    assert actual == pytest.approx({name: expected[name] for name in actual}, rel=1e-9)


@pytest.mark.parametrize("min_count", [1, 2, 10])
@pytest.mark.parametrize("name", ["singletons", "Zipf counts", "classes below min_count"])
def test_named_classes_count_in_place_of_the_common_ones(name: str, min_count: int) -> None:
    """Every value but those of ``_paper`` names, which take every class, is over the classes of the list alone."""
    case = CASES[name]()
    ids, counts = np.unique(case.labels, return_counts=True)
    classes = ids[::2]
    assert 2 <= (counts[::2] > 1).sum() < (counts > 1).sum()
    actual = compute_metrics(
        case.statistics(), case.head, "full", min_count, classes=torch.tensor([*classes, len(case.weight) + 5])
    )
    expected = oracle_metrics(case.features, case.labels, case.weight, classes=classes)
    every = oracle_metrics(case.features, case.labels, case.weight, min_count=1)
    assert_equal(actual, expected, frozenset(), 1e-9)
    paper = {name for name in actual if name.endswith("_paper")}
    assert {name: actual[name] for name in paper} == pytest.approx({name: every[name] for name in paper}, rel=1e-9)
    assert actual["nc2_cos_std"] != pytest.approx(every["nc2_cos_std"], rel=1e-3)


def test_the_preset_paper_takes_no_list() -> None:
    case = CASES["Zipf counts"]()
    named = compute_metrics(case.statistics(), case.head, preset="paper", classes=torch.from_numpy(case.labels[:3]))
    assert named == compute_metrics(case.statistics(), case.head, preset="paper")
    assert "nc3_cos_mean" in named


def test_the_bias_of_the_head_plays_no_part() -> None:
    case = CASES["more classes than dimensions"]()
    biased = ClassifierHead(weight=case.head.weight, bias=torch.linspace(-3, 3, len(case.weight), dtype=torch.float64))
    assert compute_metrics(case.statistics(), biased, preset="full") == compute_metrics(
        case.statistics(), case.head, preset="full"
    )


def test_tokens_without_a_label_do_not_count() -> None:
    case = CASES["more classes than dimensions"]()
    labels = case.labels.copy()
    labels[::7] = -100
    masked = replace(case, labels=labels)
    expected = oracle_metrics(case.features, labels, case.weight, min_count=5)
    actual = compute_metrics(masked.statistics(), masked.head, preset="full", min_count=5)
    assert_equal(actual, expected, frozenset(), 1e-9)


@pytest.mark.parametrize("min_count", [1, 10])
def test_one_class_is_an_error(min_count: int) -> None:
    case = gaussian(20, [30, 4] if min_count == 10 else [30], 4)
    with pytest.raises(StatisticsError):
        compute_metrics(case.statistics(), case.head, min_count=min_count)


def test_a_list_of_which_one_class_can_be_measured_is_an_error() -> None:
    case = gaussian(20, [30, 4, 1], 4)
    ids, counts = np.unique(case.labels, return_counts=True)
    rare, common = torch.tensor(ids[counts < 30]), torch.tensor(ids[counts > 1])
    with pytest.raises(StatisticsError, match="1 of the 2 classes that count"):
        compute_metrics(case.statistics(), case.head, min_count=1, classes=rare)
    assert compute_metrics(case.statistics(), case.head, min_count=100, classes=common)


@pytest.mark.parametrize("min_count", [0, -1])
def test_a_least_count_of_nothing_is_an_error(min_count: int) -> None:
    with pytest.raises(InputError, match="pass 1 or more"):
        compute_metrics(CASES["two classes"]().statistics(), min_count=min_count)


def test_no_class_is_an_error() -> None:
    with pytest.raises(StatisticsError):
        compute_metrics(ClassStatistics(4), min_count=1)


def test_a_named_metric_without_its_input_is_an_error() -> None:
    stats = CASES["more classes than dimensions"]().statistics()
    for name in ("nc3_cos_mean", "nc4_agreement"):
        with pytest.raises(InputError):
            compute_metrics(stats, preset=[name])
    without = ClassStatistics(2)
    without.update(torch.randn(40, 2), torch.arange(40) % 2)
    with pytest.raises(InputError):
        compute_metrics(without, preset=["nc1_pinv"])
    assert "nc1_pinv" not in compute_metrics(without, preset="full")


class TestOnePass:
    def test_a_preset_leaves_out_what_a_pass_cannot_give(self) -> None:
        beyond = {name for name, metric in METRICS.items() if {"categories", "second"}.intersection(metric.needs)}
        assert beyond
        assert set(pass_metrics("full", 100)) == set(metric_names("full")) - beyond
        assert pass_metrics("core", 0) == metric_names("core")

    @pytest.mark.parametrize("need", ["categories", "second"])
    def test_such_a_metric_by_name_is_refused(self, need: str) -> None:
        name = next(name for name, metric in METRICS.items() if need in metric.needs)
        with pytest.raises(InputError, match=f"{name} .*compute_metrics\\({need}=...\\)"):
            pass_metrics(["nc1_trace_ratio", name], 100)

    def test_a_decision_needs_tokens_to_be_decided_on(self) -> None:
        assert pass_metrics(["nc4_agreement"], 1) == ("nc4_agreement",)
        with pytest.raises(InputError, match="pass agreement_tokens of 1 or more"):
            pass_metrics(["nc4_agreement"], 0)
        with pytest.raises(InputError, match="agreement_tokens is -1"):
            pass_metrics("core", -1)
