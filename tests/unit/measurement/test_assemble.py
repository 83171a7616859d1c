"""From a pass to a report: every entry is what the collection and the metrics say, errors come from the groups."""

from __future__ import annotations

import hashlib
import math
import time
from dataclasses import replace
from importlib.metadata import version
from typing import Any, Literal

import numpy as np
import pytest
import torch

from nc_hf import METRICS, PRESETS, ClassStatistics, compute_metrics
from nc_hf.corpus.classes import ClassChoice
from nc_hf.errors import StatisticsError
from nc_hf.measurement.assemble import report_of
from nc_hf.measurement.collection import Collection
from nc_hf.metrics import drawing
from nc_hf.metrics.drawing import drawn_pairs
from nc_hf.metrics.table import diagnostics_of
from nc_hf.report import MetricValue, Report
from nc_hf.report.text_record import AgreementRecord
from tests.collected import agreement_of, common, of_every_layer, quietly
from tests.reports import REFERENCE
from tests.training import tiny_model, token_blocks


@pytest.fixture(scope="module")
def collection() -> Collection:
    return of_every_layer()


EVERY = ClassChoice("all", None)


def assembled(
    collection: Collection, preset: Any = "core", choice: ClassChoice | None = None, **options: Any
) -> Report:
    kept, choice = Report.load(REFERENCE), choice or ClassChoice("a given list", common(collection))
    return report_of(collection, kept.model, kept.corpus, preset, choice, None, time.monotonic(), **options)


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
    decided = collection.decisions(collection.decided(common(collection)))
    assert 0 < len(decided.labels) < 200, "of the sample the tokens of classes that count"
    assert report.agreement == AgreementRecord(len(decided.labels), leave_one_out=True, classes="listed")
    assert report.versions["torch"] == version("torch")
    assert Report.from_dict(report.to_dict()) == report


def test_the_classes_are_those_that_were_chosen(collection: Collection) -> None:
    stats, unseen = collection.statistics, torch.tensor([60, 62])
    ids = torch.cat([common(collection), unseen])
    report = assembled(collection, choice=ClassChoice("0.03", ids, 5_000))
    record = report.classes
    assert (record.rule, record.census, record.ids) == ("0.03", 5_000, ids.tolist())
    assert (record.seen, record.listed, record.used) == (stats.num_classes, len(ids), len(ids) - 2)
    counts = dict(zip(stats.class_ids.tolist(), stats.counts.tolist(), strict=True))
    of_used = [counts[each] for each in ids.tolist() if each in counts]
    assert record.fewest == min(of_used)
    assert record.coverage == pytest.approx(sum(of_used) / sum(counts.values()))
    written = b"".join(each.to_bytes(8, "little") for each in ids.tolist())
    assert record.hash == hashlib.sha256(written).hexdigest()[:16]
    without = assembled(collection).metrics
    assert not any(report.metrics[name] != metric for name, metric in without.items() if not name.startswith("nc4"))


CORRECTED = set(PRESETS["core"]) - {"nc4_agreement"}
"""Metrics that the noise of means moves by 1/n; NC4, decided on a sample of tokens, is left as it is."""


def halves_of_median(collection: Collection, choice: torch.Tensor | None) -> float:
    """The mean of the median over five halves of two groups in a row, the last followed by the first."""
    groups, found = collection.layers["final"].groups, []
    for first in range(5):
        half = ClassStatistics(groups[0].dim, covariance=True)
        half.merge(groups[first]).merge(groups[(first + 1) % 5])
        found.append(compute_metrics(half, None, ["nc1_cdnv_median"], 1, classes=choice)["nc1_cdnv_median"])
    return float(np.mean(found))


def uncorrected(report: Report, median: float) -> dict[str, float]:
    """The values of all tokens: theta, where the report has G theta - (G-1) mean theta_g; the median is given."""
    values = {name: metric.value for name, metric in report.metrics.items()}
    if report.errors is None:
        return values
    groups = report.errors.groups
    for name in CORRECTED & values.keys():
        values[name] = (values[name] + (groups - 1) * float(np.mean(report.errors.replicates[name]))) / groups
    return values | {"nc1_cdnv_median": median}


def test_the_bias_of_few_tokens_is_taken_out_and_said(collection: Collection) -> None:
    report = assembled(collection, "full")
    assert report.errors is not None
    assert set(report.errors.corrected) == CORRECTED | {"gnc2_log_std"}
    plain = compute_metrics(
        collection.statistics, collection.head, "full", 30, agreement_of(collection, classes=common(collection))
    )
    for name, metric in report.metrics.items():
        theta = np.array(report.errors.replicates[name])
        if name in report.errors.corrected:
            wanted = len(theta) * plain[name] - (len(theta) - 1) * theta.mean()
            if name == "nc1_cdnv_median":  # halves are two groups of five, so its bias b/n is b/(.4 n) in them
                wanted = plain[name] - 2 / 3 * (halves_of_median(collection, common(collection)) - plain[name])
            assert metric.value == pytest.approx(wanted, rel=1e-9), name
            assert metric.value != plain[name], name
        elif np.isfinite(plain[name]):
            assert metric.value == plain[name], name


def test_where_every_class_counts_there_is_no_list(collection: Collection) -> None:
    report, stats = assembled(collection, choice=EVERY), collection.statistics
    record = report.classes
    assert (record.rule, record.hash, record.ids, record.census) == ("all", "all", [], 0)
    assert record.seen == record.listed == record.used == stats.num_classes
    assert (record.fewest, record.coverage) == (int(stats.counts.min()), 1)
    assert report.agreement == AgreementRecord(200, leave_one_out=True, classes="seen")
    assert report.errors is not None
    assert report.errors.classes == "held"
    expected = compute_metrics(stats, collection.head, "core", 1, agreement_of(collection))
    assert uncorrected(report, expected["nc1_cdnv_median"]) == pytest.approx(expected, rel=1e-9)


def test_values_definitions_and_diagnostics_are_those_of_the_metrics(collection: Collection) -> None:
    report = assembled(collection)
    total = agreement_of(collection, classes=common(collection))
    expected = compute_metrics(collection.statistics, collection.head, "core", 30, total)
    assert uncorrected(report, expected["nc1_cdnv_median"]) == pytest.approx(expected, rel=1e-9)
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
    assert report.classes == assembled(collection, "paper", EVERY).classes
    assert report.classes.used == report.classes.seen
    assert report.classes.rule == "all"
    assert report.classes.coverage == 1
    assert report.agreement == AgreementRecord(200, leave_one_out=True, classes="seen")
    assert report.token_table is not None
    assert sorted(report.token_table.columns.ids) == common(collection).tolist()


def test_loss_and_accuracy_have_errors_of_the_same_groups(collection: Collection) -> None:
    report = assembled(collection)
    assert report.errors is not None
    assert (report.errors.groups, report.errors.classes) == (5, "fixed")
    assert {"loss", "accuracy", *report.metrics} == report.errors.replicates.keys()
    tokens, losses, correct = collection.outcomes.sums.numpy()
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
        assembled(collection, choice=ClassChoice("a given list", common(collection)[:1]))


@pytest.mark.slow
def test_estimates_by_drawn_pairs_are_named_as_such(collection: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "PAYS_FROM", 0)
    number = len(common(collection))
    whole, report = assembled(collection, "full"), assembled(collection, "full", exact_classes=number - 1)
    assert (whole.drawn, assembled(collection, "full", exact_classes=number).drawn) == (None, None)
    drawn = report.drawn
    assert drawn is not None
    assert drawn.possible == math.comb(report.classes.used, 2)
    assert drawn.pairs == sum(
        len(one) * len(other) for draw in range(10) for one, other in drawn_pairs(common(collection), draw)
    )
    assert set(drawn.errors) == {name for name in report.metrics if METRICS[name].by_drawing}
    assert set(whole.metrics) - set(report.metrics) == {
        name for name in whole.metrics if METRICS[name].needs_every_pair
    }
    assert not any(METRICS[name].needs_every_pair for name in report.diagnostics)
    for name in report.metrics:
        assert report.definitions[name].endswith("; estimated by drawn pairs") == (name in drawn.errors)
    assert report.errors is not None
    assert drawn.errors.keys().isdisjoint(report.errors.replicates)  # a comparison by them would lack the drawing
    assert "nc1_cdnv_median" in report.errors.corrected
    assert set(report.layers["layer.0"]) <= set(report.metrics)
    assert Report.from_dict(report.to_dict()) == report
