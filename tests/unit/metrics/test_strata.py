"""Strata: bins as documented, classes picked to the last bit, shares that sum to one."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch

from nc_hf import ClassStatistics
from nc_hf.metrics.strata import category_shares, frequency_bins, subset
from tests.reference.oracle import oracle_bin, oracle_metrics
from tests.texts import WIDTH, Text, zipf_text


@pytest.fixture(scope="module")
def text() -> Text:
    return zipf_text()


class TestBins:
    @pytest.mark.parametrize("most", [1, 2, 3, 4, 7, 10, 31, 32, 1000, 5000])
    def test_every_count_lies_in_the_bin_of_its_half_decade(self, most: int) -> None:
        bins = list(frequency_bins(most))
        assert bins[0][0] == 1
        assert all(low == last[1] + 1 for last, (low, _) in pairwise(bins))
        for low, high in bins:
            assert len({oracle_bin(count) for count in (low, (low + high) // 2, high)}) == 1
        edges = {oracle_bin(low) for low, _ in bins}
        assert len(edges) == len(bins)
        assert bins[-1][0] <= most <= bins[-1][1]

    def test_more_text_has_the_same_bins_and_more(self) -> None:
        whole = list(frequency_bins(100_000))
        for most in range(1, 400):
            bins = list(frequency_bins(most))
            assert bins == whole[: len(bins)]

    def test_large_counts_are_exact(self) -> None:
        assert (10**9, math.isqrt(10**19 - 1)) in list(frequency_bins(10**10))


class TestSubset:
    def test_holds_the_marked_classes_to_the_last_bit(self, text: Text) -> None:
        stats = ClassStatistics(WIDTH, covariance=True)
        stats.update(torch.from_numpy(text.features), torch.from_numpy(text.labels))
        keep = stats.counts > 20
        part = subset(stats, keep)
        assert not part.has_covariance
        assert torch.equal(part.class_ids, stats.class_ids[keep])
        assert torch.equal(part.means, stats.means[keep])
        assert torch.equal(part.scatter, stats.scatter[keep])
        before = stats.num_tokens
        part.update(torch.zeros(1, WIDTH), torch.tensor([0]))  # a copy, not a view
        assert stats.num_tokens == before


@pytest.mark.parametrize("least", [1, 3, 10])
def test_category_shares_are_the_oracles_and_sum_to_one(text: Text, least: int) -> None:
    """Of every class, or of those that count; one that nobody saw and one of a single token make no difference."""
    categories = {int(c): int(c) % 3 for c in np.unique(text.labels)}
    ids, counts = np.unique(text.labels, return_counts=True)
    listed = [10**6, int(ids[counts.argmin()]), *ids[counts >= least].tolist()]
    shares = category_shares(text.statistics(), categories, None if least == 1 else torch.tensor(listed))
    expected = oracle_metrics(text.features, text.labels, min_count=least, categories=categories)
    assert counts.min() == 1
    assert list(shares) == ["categories", "tokens", "contexts"]
    assert math.fsum(shares.values()) == pytest.approx(1.0)
    for name, metric in (("contexts", "context"), ("tokens", "identity"), ("categories", "category")):
        assert shares[name] == pytest.approx(expected[f"nc1_{metric}_share"])
