"""Errors come from the groups, by centres made anew, and from the drawing where pairs are drawn."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from nc_hf import ClassStatistics, compute_metrics
from nc_hf.measurement.collection import Collection
from nc_hf.measurement.layer_values import layer_values, valued
from nc_hf.metrics import AgreementCounts, drawing
from nc_hf.metrics.compute import estimate_metrics
from nc_hf.report import MetricValue
from tests.collected import common, of_every_layer, quietly
from tests.reference.oracle import oracle_agreement
from tests.training import tiny_model, token_blocks


@pytest.fixture(scope="module")
def collection() -> Collection:
    return of_every_layer()


def test_errors_are_those_of_leaving_each_group_out(collection: Collection) -> None:
    """On the classes of the whole, so that none drops out with its group."""
    layer, names = collection.final, ["nc1_trace_ratio", "nc3_cos_mean_centred"]
    stats, counted = layer.statistics, common(collection)
    values, kept, of_drawing, *_ = layer_values(collection, "final", names, collection.decided(counted))
    assert not of_drawing, "all pairs are looked at"
    for name, metric in values.items():
        replicates = []
        for left_out in range(5):
            rest = ClassStatistics(stats.dim, covariance=True)
            for number, group in enumerate(layer.groups):
                if number != left_out:
                    rest.merge(group)
            replicates.append(compute_metrics(rest, collection.head, [name], classes=counted)[name])
        mean = sum(replicates) / 5
        assert kept[name] == pytest.approx(replicates, rel=1e-9)
        assert metric.stderr == pytest.approx(math.sqrt(0.8 * sum((value - mean) ** 2 for value in replicates)))


@pytest.mark.parametrize("classes", [None, torch.arange(0, 20, 3)], ids=["every class", "some"])
def test_the_centres_of_nc4_are_made_anew_without_each_group(classes: torch.Tensor | None) -> None:
    """By brute force: every token of the other groups, by their centres, each without the token itself."""
    model, blocks = tiny_model().eval(), token_blocks(20, 3, classes=20)
    gathered = quietly(model, blocks, groups=5, agreement_tokens=20 * 31)
    kept = layer_values(gathered, "final", ["nc4_agreement", "nc4_ncc_accuracy"], gathered.decided(classes)).replicates
    assert kept.keys() == {"nc4_agreement", "nc4_ncc_accuracy"}
    with torch.no_grad():
        out = model(blocks.input_ids.long(), output_hidden_states=True)
    labels = blocks.input_ids[:, 1:].numpy()
    features = out.hidden_states[-1][:, :-1].double().numpy()
    logits = out.logits[:, :-1].double().numpy()
    for left_out in range(5):
        rows = np.arange(20) * 5 // 20 != left_out
        part = features[rows].reshape(-1, features.shape[-1]), labels[rows].flatten()
        wanted = oracle_agreement(
            *part, *part, logits[rows].reshape(len(part[1]), -1), leave_one_out=True, classes=classes
        )
        for name, replicates in kept.items():
            assert replicates[left_out] == pytest.approx(wanted[name], abs=1e-12), name


def test_a_share_of_none_or_all_has_a_bound_and_no_error() -> None:
    agreement = {"tokens": 40, "agree": 40, "ncc_correct": 0, "linear_correct": 10, "agree_when_correct": 10}
    counts = AgreementCounts(**agreement)
    bounds = {
        "nc4_agreement": (1.0, 3 / 40),
        "nc4_ncc_accuracy": (0.0, 3 / 40),
        "nc4_agreement_when_correct": (1.0, 0.3),
    }
    for name, (value, bound) in bounds.items():
        assert valued(name, value, value, [value] * 10, counts) == MetricValue(value, None, bound)
    assert valued("nc4_linear_accuracy", 0.25, 0.25, [0.2, 0.3, 0.25, 0.2, 0.3], counts).bound is None
    assert valued("nc2_cos_std", 0.1, 0.0, [0.1] * 10, counts) == MetricValue(0.0, 0.0)


def test_few_classes_are_looked_at_pair_by_pair_whatever_is_asked(collection: Collection) -> None:
    decided = collection.decided(common(collection))
    asked = layer_values(collection, "final", ["gnc2_log_std"], decided, exact_classes=2)
    assert not asked.drawing
    assert asked[:4] == layer_values(collection, "final", ["gnc2_log_std"], decided)[:4]


def test_drawn_pairs_have_the_error_of_the_drawing_beside_that_of_the_text(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawing, "PAYS_FROM", 0)
    names, counted = ["gnc2_log_std", "nc1_cdnv_log_mean", "nc2_cos_std"], common(collection)
    decided = collection.decided(counted)
    exact = layer_values(collection, "final", names, decided, exact_classes=len(counted))
    values, replicates, errors_of_it, *_ = layer_values(
        collection, "final", names, decided, exact_classes=len(counted) - 1
    )
    assert exact[:4] == layer_values(collection, "final", names, decided)[:4]
    assert values["nc2_cos_std"] == exact.values["nc2_cos_std"]  # a closed form, which looks at no pair
    estimates, errors = estimate_metrics(collection.statistics, collection.head, names, 1, classes=counted)
    assert errors_of_it == errors
    assert errors_of_it.keys() == {"gnc2_log_std", "nc1_cdnv_log_mean"}
    for name, error in errors_of_it.items():
        without = replicates[name]
        mean = sum(without) / 5
        of_text = math.sqrt(0.8 * sum((value - mean) ** 2 for value in without))
        assert values[name].stderr == pytest.approx(math.hypot(of_text, error))
        assert values[name].stderr > error > 0
    assert (
        values["nc1_cdnv_log_mean"].value == estimates["nc1_cdnv_log_mean"] != exact.values["nc1_cdnv_log_mean"].value
    )
