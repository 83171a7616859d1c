"""From a pass to a report: every entry is what the collection and the metrics say, errors come from the groups."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from importlib.metadata import version
from typing import Any, Literal

import numpy as np
import pytest
import torch

from nc_hf import METRICS, PRESETS, ClassStatistics, compute_metrics
from nc_hf.errors import StatisticsError
from nc_hf.measurement.assemble import layer_values, report_of, valued
from nc_hf.measurement.collection import Collection
from nc_hf.metrics import AgreementCounts
from nc_hf.metrics.table import diagnostics_of
from nc_hf.report import MetricValue, Report
from tests.collected import quietly
from tests.reference.oracle import oracle_agreement
from tests.reports import REFERENCE
from tests.training import tiny_model, token_blocks


@pytest.fixture(scope="module")
def collection() -> Collection:
    """Thirty rows in five groups, of every layer."""
    gathered: Collection = quietly(
        tiny_model(), token_blocks(30, 3, classes=30), layers="all", groups=5, agreement_tokens=200, covariance=True
    )
    return gathered


def assembled(collection: Collection, preset: Any = "core", min_count: int = 30) -> Report:
    kept = Report.load(REFERENCE)
    return report_of(collection, kept.model, kept.corpus, preset, min_count, None, time.monotonic())


def test_the_entries_are_those_of_the_collection(collection: Collection) -> None:
    report, stats = assembled(collection), collection.statistics
    used = stats.counts[stats.counts >= 30]
    assert 2 < len(used) < stats.num_classes, "some classes count and some do not"
    assert (report.tokens, report.head_check) == (collection.tokens, collection.head_error)
    assert report.loss == pytest.approx(collection.loss_sum / collection.tokens)
    assert report.perplexity == pytest.approx(math.exp(report.loss))
    assert report.accuracy == pytest.approx(collection.correct / collection.tokens)
    assert (report.classes.seen, report.classes.used) == (stats.num_classes, len(used))
    assert report.classes.coverage == pytest.approx(int(used.sum()) / stats.num_tokens)
    assert collection.head is not None
    assert report.model == replace(Report.load(REFERENCE).model, head=collection.head.describe())
    assert report.corpus == Report.load(REFERENCE).corpus
    assert report.agreement is not None
    sampled = sum(counts.tokens for counts in collection.agreement())
    assert (report.agreement.tokens, report.agreement.leave_one_out) == (sampled, True)
    assert report.versions["torch"] == version("torch")
    assert Report.from_dict(report.to_dict()) == report


def test_values_definitions_and_diagnostics_are_those_of_the_metrics(collection: Collection) -> None:
    report = assembled(collection)
    total = sum(collection.agreement(), AgreementCounts())
    expected = compute_metrics(collection.statistics, collection.head, "core", 30, total)
    assert {name: metric.value for name, metric in report.metrics.items()} == expected
    assert report.definitions == {name: METRICS[name].formula for name in PRESETS["core"]}
    assert tuple(report.diagnostics) == diagnostics_of(expected)
    assert report.diagnostics == compute_metrics(
        collection.statistics, collection.head, list(report.diagnostics), 30, total
    )


def test_names_are_joined_and_a_diagnostic_that_is_asked_for_is_a_value(collection: Collection) -> None:
    names = ["nc1_cdnv", "nc1_cdnv_excluded_share"]
    report = assembled(collection, names)
    assert report.preset == ",".join(names)
    assert list(report.metrics) == names
    assert list(report.diagnostics) == ["nc1_cdnv_top_share"]


def test_the_paper_counts_every_class_but_its_table_of_tokens_does_not(collection: Collection) -> None:
    report = assembled(collection, "paper")
    assert report.classes.used == report.classes.seen
    assert report.classes.min_count == 1
    assert report.classes.coverage == 1
    assert report.token_table is not None
    assert report.token_table.min_count == 30


def test_errors_are_those_of_leaving_each_group_out(collection: Collection) -> None:
    """On the classes of the whole, so that none drops out with its group."""
    layer, names = collection.final, ["nc1_trace_ratio", "nc3_cos_mean_centred"]
    values, kept = layer_values(collection, "final", names, 30)
    stats = layer.statistics
    counted = stats.class_ids[stats.counts >= 30]
    for name, metric in values.items():
        replicates = []
        for left_out in range(5):
            rest = ClassStatistics(stats.dim, covariance=True)
            for number, group in enumerate(layer.groups):
                if number != left_out:
                    rest.merge(group)
            replicates.append(compute_metrics(rest, collection.head, [name], 30, classes=counted)[name])
        mean = sum(replicates) / 5
        assert kept[name] == pytest.approx(replicates, rel=1e-9)
        assert metric.stderr == pytest.approx(math.sqrt(0.8 * sum((value - mean) ** 2 for value in replicates)))


def test_the_centres_of_nc4_are_made_anew_without_each_group() -> None:
    """By brute force: every token of the other groups, by their centres, each without the token itself."""
    model, blocks = tiny_model().eval(), token_blocks(20, 3, classes=20)
    gathered = quietly(model, blocks, groups=5, agreement_tokens=20 * 31)
    _, kept = layer_values(gathered, "final", ["nc4_agreement", "nc4_ncc_accuracy"], 1)
    with torch.no_grad():
        out = model(blocks.input_ids.long(), output_hidden_states=True)
    labels = blocks.input_ids[:, 1:].numpy()
    features = out.hidden_states[-1][:, :-1].double().numpy()
    logits = out.logits[:, :-1].double().numpy()
    for left_out in range(5):
        rows = np.arange(20) * 5 // 20 != left_out
        part = features[rows].reshape(-1, features.shape[-1]), labels[rows].flatten()
        wanted = oracle_agreement(*part, *part, logits[rows].reshape(len(part[1]), -1), leave_one_out=True)
        for name, replicates in kept.items():
            assert replicates[left_out] == pytest.approx(wanted[name], abs=1e-12), name


def test_loss_and_accuracy_have_errors_of_the_same_groups(collection: Collection) -> None:
    report = assembled(collection)
    assert report.errors is not None
    assert (report.errors.groups, report.errors.classes) == (5, "held")
    assert {"loss", "accuracy", *report.metrics} == report.errors.replicates.keys()
    tokens, losses, correct = collection.outcomes.numpy()
    assert tokens.tolist() == [6 * 31] * 5
    outcomes: tuple[tuple[Literal["loss", "accuracy"], np.ndarray], ...] = (("loss", losses), ("accuracy", correct))
    for name, sums in outcomes:
        means = [(sums.sum() - one) / (tokens.sum() - mine) for one, mine in zip(sums, tokens, strict=True)]
        assert report.errors.replicates[name] == pytest.approx(means)
        # Of groups of one size the jackknife of a mean is the standard error of the mean of their means.
        spread = (sums / tokens).std(ddof=1) / math.sqrt(5)
        assert report.outcome(name).stderr == pytest.approx(spread)


def test_fewer_than_five_groups_give_no_errors() -> None:
    report = assembled(quietly(tiny_model(), token_blocks(30, 3, classes=30), groups=4))
    assert report.errors is None
    assert all(metric.stderr is None for metric in report.metrics.values())
    assert report.outcome("loss") == MetricValue(report.loss)


def test_a_share_of_none_or_all_has_a_bound_and_no_error() -> None:
    agreement = {"tokens": 40, "agree": 40, "ncc_correct": 0, "linear_correct": 10, "agree_when_correct": 10}
    counts = AgreementCounts(**agreement)
    bounds = {
        "nc4_agreement": (1.0, 3 / 40),
        "nc4_ncc_accuracy": (0.0, 3 / 40),
        "nc4_agreement_when_correct": (1.0, 0.3),
    }
    for name, (value, bound) in bounds.items():
        assert valued(name, value, [value] * 10, counts) == MetricValue(value, None, bound)
    assert valued("nc4_linear_accuracy", 0.25, [0.2, 0.3, 0.25, 0.2, 0.3], counts).bound is None
    assert valued("nc2_cos_std", 0.0, [0.0] * 10, counts) == MetricValue(0.0, 0.0)


def test_a_layer_of_one_group_has_no_errors_and_no_head_no_duality(collection: Collection) -> None:
    report = assembled(collection, "full")
    assert list(report.layers) == ["layer.0", "layer.1", "final"]
    assert report.layers["final"] == report.metrics
    inner = report.layers["layer.0"]
    assert all(metric.stderr is None for metric in inner.values())
    assert not any("head" in METRICS[name].needs for name in inner)
    expected = compute_metrics(collection.layers["layer.0"].statistics, None, "full", 30)
    assert {name: inner[name].value for name in expected} == expected
    alone = quietly(tiny_model(), token_blocks(30, 3, classes=30))
    assert assembled(alone).layers == {}


def test_too_few_classes_are_refused(collection: Collection) -> None:
    with pytest.raises(StatisticsError, match="two or more"):
        assembled(collection, min_count=10_000)
