"""Strata: bins as documented, metrics of each bin as brute force has them, sums over the bins that give the whole."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
import torch

from nc_hf import METRICS, PRESETS, ClassifierHead, ClassStatistics, compute_metrics
from nc_hf.errors import StatisticsError
from nc_hf.measurement.detail import stratify
from nc_hf.metrics.decisions import Decisions, decide
from nc_hf.metrics.strata import category_shares, frequency_bins, subset
from nc_hf.report import StratumRecord
from tests.reference.oracle import oracle_agreement, oracle_bin, oracle_metrics, oracle_strata

DIM = 6


@dataclass(frozen=True)
class Text:
    """Gaussian classes with counts as of words: a few common, many rare."""

    features: np.ndarray
    labels: np.ndarray
    weight: np.ndarray

    @property
    def head(self) -> ClassifierHead:
        return ClassifierHead(weight=torch.from_numpy(self.weight), bias=None)

    def statistics(self, rows: slice = slice(None)) -> ClassStatistics:
        stats = ClassStatistics(DIM)
        stats.update(torch.from_numpy(self.features[rows]), torch.from_numpy(self.labels[rows]))
        return stats

    def logits(self) -> np.ndarray:
        return self.features @ self.weight.T

    def decisions(self) -> Decisions:
        linear = torch.from_numpy(self.logits().argmax(axis=1))
        labels = torch.from_numpy(self.labels)
        return decide(self.statistics(), torch.from_numpy(self.features), labels, linear, leave_one_out=True)


@pytest.fixture(scope="module")
def text() -> Text:
    rng = np.random.default_rng(7)
    counts = np.concatenate([[1, 1, 2, 3, 4, 9, 10, 31, 32, 99, 100], 1 + (150 / np.arange(1, 40)).astype(int)])
    ids = rng.permutation(2 * len(counts))[: len(counts)]
    owner = rng.permutation(np.repeat(np.arange(len(counts)), counts))
    means = 1.0 + rng.normal(size=(len(counts), DIM))
    weight = 0.5 * rng.normal(size=(2 * len(counts), DIM))
    weight[ids] += means
    return Text(means[owner] + 0.6 * rng.normal(size=(len(owner), DIM)), ids[owner], weight)


def measured(text: Text, min_count: int = 10, names: tuple[str, ...] = PRESETS["full"]) -> list[StratumRecord]:
    return stratify(text.statistics(), text.head, names, min_count, text.decisions())


class TestBins:
    @pytest.mark.parametrize("min_count", [1, 2, 7, 10, 1000])
    def test_every_count_lies_in_the_bin_of_its_half_decade(self, min_count: int) -> None:
        bins = list(frequency_bins(min_count, 5000))
        assert bins[0][0] == 1
        assert all(low == last[1] + 1 for last, (low, _) in pairwise(bins))
        for low, high in bins:
            assert len({oracle_bin(count, min_count) for count in (low, (low + high) // 2, high)}) == 1
        edges = {oracle_bin(low, min_count) for low, _ in bins}
        assert len(edges) == len(bins)
        assert bins[-1][0] <= 5000 <= bins[-1][1]

    def test_no_bin_straddles_min_count(self) -> None:
        for min_count in range(1, 60):
            assert any(low == min_count for low, _ in frequency_bins(min_count, 100))

    def test_large_counts_are_exact(self) -> None:
        assert (10**9, math.isqrt(10**19 - 1)) in list(frequency_bins(10, 10**10))


class TestAgainstBruteForce:
    @pytest.mark.parametrize("min_count", [1, 10])
    def test_metrics_of_a_bin_are_those_of_its_tokens_alone(self, text: Text, min_count: int) -> None:
        expected = oracle_strata(text.features, text.labels, text.weight, min_count=min_count)
        actual = measured(text, min_count)
        assert len(actual) == len(expected) > 3
        for stratum, brute in zip(actual, expected, strict=True):
            assert stratum.classes == len(brute["ids"])
            assert stratum.tokens == sum(brute["counts"])
            assert stratum.low <= min(brute["counts"]) <= max(brute["counts"]) <= stratum.high
            assert stratum.share == pytest.approx(stratum.tokens / len(text.labels))
            assert stratum.used == ("norm" in brute)
            metrics = {name: value for name, value in stratum.metrics.items() if not name.startswith("nc4")}
            if "metrics" not in brute:
                assert metrics == {}
                continue
            assert set(metrics) >= {n for n in PRESETS["core"] if not n.startswith("nc4")}
            assert metrics == pytest.approx({n: brute["metrics"][n] for n in metrics}, rel=1e-9, abs=1e-7, nan_ok=True)
            assert stratum.norm == pytest.approx(brute["norm"])
            assert stratum.duality == pytest.approx(brute["duality"])

    def test_agreement_of_a_bin_is_that_of_the_tokens_whose_true_class_is_in_it(self, text: Text) -> None:
        counts = np.bincount(text.labels)
        for stratum in measured(text):
            rows = (counts[text.labels] >= stratum.low) & (counts[text.labels] <= stratum.high)
            expected = oracle_agreement(
                text.features, text.labels, text.features[rows], text.labels[rows], text.logits()[rows], True
            )
            assert stratum.agreement_tokens == rows.sum()
            actual = {name: value for name, value in stratum.metrics.items() if name.startswith("nc4")}
            assert actual == pytest.approx(expected, nan_ok=True)


class TestWhole:
    def test_bins_add_up_to_all_classes_and_tokens(self, text: Text) -> None:
        strata, stats = measured(text), text.statistics()
        assert sum(stratum.classes for stratum in strata) == stats.num_classes
        assert sum(stratum.tokens for stratum in strata) == stats.num_tokens
        assert math.fsum(stratum.share for stratum in strata) == pytest.approx(1.0)

    def test_averages_over_the_bins_are_those_of_all_used_classes(self, text: Text) -> None:
        used = [stratum for stratum in measured(text) if stratum.used]
        whole = compute_metrics(text.statistics(), text.head, ["nc3_cos_mean_centred"], 10)
        classes = sum(stratum.classes for stratum in used)
        duality = sum(stratum.classes * stratum.duality for stratum in used) / classes
        assert duality == pytest.approx(whole["nc3_cos_mean_centred"], rel=1e-12)

    def test_agreement_over_the_bins_is_that_of_all_tokens(self, text: Text) -> None:
        strata = measured(text)
        agreeing = sum(stratum.agreement_tokens * stratum.metrics["nc4_agreement"] for stratum in strata)
        counts = text.decisions().counts()
        assert round(agreeing) == counts.agree
        assert sum(stratum.agreement_tokens for stratum in strata) == counts.tokens

    def test_merged_statistics_give_the_same_strata(self, text: Text) -> None:
        half = len(text.labels) // 3
        merged = text.statistics(slice(half, None)).merge(text.statistics(slice(0, half)))
        names = PRESETS["core"]
        for one, other in zip(
            stratify(merged, text.head, names, 10), stratify(text.statistics(), text.head, names, 10), strict=True
        ):
            assert (one.low, one.high, one.classes, one.tokens) == (other.low, other.high, other.classes, other.tokens)
            assert one.metrics == pytest.approx(other.metrics, rel=1e-9)
            assert (one.norm, one.duality) == (pytest.approx(other.norm), pytest.approx(other.duality))

    def test_without_decisions_there_is_no_nc4(self, text: Text) -> None:
        for stratum in stratify(text.statistics(), text.head, PRESETS["full"], 10):
            assert stratum.agreement_tokens == 0
            assert not any(name.startswith("nc4") for name in stratum.metrics)

    def test_rare_classes_have_nothing_but_nc4(self, text: Text) -> None:
        rare = [stratum for stratum in measured(text) if not stratum.used]
        assert [(stratum.low, stratum.high) for stratum in rare] == [(1, 3), (4, 9)]
        for stratum in rare:
            assert stratum.norm is None
            assert stratum.duality is None
            assert {METRICS[name].family for name in stratum.metrics} == {"NC4"}

    def test_single_tokens_have_no_variability_but_the_rest(self) -> None:
        rng = torch.Generator().manual_seed(0)
        stats = ClassStatistics(DIM)
        labels = torch.tensor([0, 1, 2, *[3] * 5, *[4] * 6])
        stats.update(torch.randn(len(labels), DIM, generator=rng), labels)
        head = ClassifierHead(weight=torch.randn(5, DIM, generator=rng), bias=None)
        single, common = stratify(stats, head, PRESETS["core"], 1)
        assert (single.classes, common.classes) == (3, 2)
        families = {METRICS[name].family for name in single.metrics}
        assert families == {METRICS[name].family for name in common.metrics} - {"NC1"}

    def test_too_few_used_classes_are_an_error(self, text: Text) -> None:
        with pytest.raises(StatisticsError, match="two or more"):
            stratify(text.statistics(), text.head, PRESETS["core"], 10_000)


class TestSubset:
    def test_holds_the_marked_classes_to_the_last_bit(self, text: Text) -> None:
        stats = ClassStatistics(DIM, covariance=True)
        stats.update(torch.from_numpy(text.features), torch.from_numpy(text.labels))
        keep = stats.counts > 20
        part = subset(stats, keep)
        assert not part.has_covariance
        assert torch.equal(part.class_ids, stats.class_ids[keep])
        assert torch.equal(part.means, stats.means[keep])
        assert torch.equal(part.scatter, stats.scatter[keep])
        before = stats.num_tokens
        part.update(torch.zeros(1, DIM), torch.tensor([0]))  # a copy, not a view
        assert stats.num_tokens == before


def test_category_shares_are_the_oracles_and_sum_to_one(text: Text) -> None:
    categories = {int(c): int(c) % 3 for c in np.unique(text.labels)}
    shares = category_shares(text.statistics(), categories, 10)
    expected = oracle_metrics(text.features, text.labels, min_count=10, categories=categories)
    assert list(shares) == ["categories", "tokens", "contexts"]
    assert math.fsum(shares.values()) == pytest.approx(1.0)
    for name, metric in (("contexts", "context"), ("tokens", "identity"), ("categories", "category")):
        assert shares[name] == pytest.approx(expected[f"nc1_{metric}_share"])
