"""Every metric equals the brute-force oracle, on ordinary data and on data at every edge that the definitions have."""

from __future__ import annotations

import pytest
import torch

from nc_hf import compute_metrics
from nc_hf.metrics.pairwise import TILE
from tests.reference.cases import CASES, assert_equal
from tests.reference.oracle import oracle_metrics


@pytest.mark.parametrize("name", CASES)
def test_float64_features(name: str) -> None:
    case = CASES[name]()
    actual = compute_metrics(
        case.statistics(), case.head, preset="full", min_count=case.min_count, categories=case.categories
    )
    expected = oracle_metrics(
        case.features, case.labels, case.weight, min_count=case.min_count, categories=case.categories
    )
    assert_equal(actual, expected, case.zeros, 1e-9)


@pytest.mark.parametrize("name", CASES)
def test_float32_features_on_an_offset_of_norm_1000(name: str) -> None:
    case = CASES[name]().on_an_offset()
    actual = compute_metrics(
        case.statistics(), case.head, preset="full", min_count=case.min_count, categories=case.categories
    )
    expected = oracle_metrics(
        case.features, case.labels, case.weight, min_count=case.min_count, categories=case.categories
    )
    assert_equal(actual, expected, case.zeros, 1e-5)


def test_the_cases_reach_the_edges() -> None:
    """Cases that no longer meet what they are named for would pass for nothing."""
    noisy = CASES["noise that swallows differences"]()
    share = oracle_metrics(noisy.features, noisy.labels, min_count=2)["nc1_cdnv_excluded_share"]
    assert 0.05 < share < 0.95
    duplicates = CASES["duplicate means"]().statistics().means
    assert (torch.cdist(duplicates, duplicates, compute_mode="donot_use_mm_for_euclid_dist") == 0).sum() == 12 + 6
    assert CASES["one class more than a tile"]().statistics().num_classes == TILE + 1
    assert (CASES["singletons"]().statistics().counts == 1).sum() > 10
