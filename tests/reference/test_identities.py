"""The exact identities of all metrics together, by number: collapse, invariances, merging."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from nc_hf import ClassifierHead, compute_metrics
from tests.reference.noisy_classes import ZERO, centred_means, metrics, rotation, statistics, tokens


def changed(before: dict[str, float], after: dict[str, float]) -> set[str]:
    assert set(before) == set(after)
    return {name for name in before if not math.isclose(before[name], after[name], rel_tol=1e-9, abs_tol=1e-12)}


def simplex(K: int, D: int) -> np.ndarray:
    """K unit vectors (K, D) around the origin, each pair at the cosine -1/(K-1)."""
    corners = (np.eye(K) - 1 / K) * math.sqrt(K / (K - 1))
    basis = np.linalg.svd(corners)[2][: K - 1]
    return np.pad(corners @ basis.T, [(0, 0), (0, D - K + 1)]) @ rotation(0, D)


@pytest.mark.parametrize(("K", "D"), [(2, 1), (2, 4), (5, 4), (9, 8), (6, 11), (20, 64)])
def test_identity_6_a_simplex_without_scatter_is_complete_collapse(K: int, D: int) -> None:
    features, labels = np.repeat(3 * simplex(K, D), 4, axis=0), np.repeat(np.arange(K), 4)
    values = metrics(features, labels, weight=0.7 * centred_means(features, labels))
    gone = ["nc1_cdnv", "nc1_cdnv_median", "nc1_cdnv_paper", "nc1_cdnv_scale_free", "nc1_trace_ratio", "nc1_pinv"]
    gone += ["nc1_cdnv_excluded_share", "nc1_context_share", "nc2_norm_cov", "nc2_log_norm_std", "nc2_max_cos_gap"]
    gone += ["nc2_cos_std", "nc2_etf_error", "nc3_dual_error", "unc3_cos_std", "gnc2_log_std", "nc0_row_sum"]
    assert {name: values[name] for name in gone} == pytest.approx(dict.fromkeys(gone, 0), abs=ZERO)
    assert values["nc2_cos_mean"] == pytest.approx(-1 / (K - 1), rel=1e-9)
    assert values["nc2_max_cos"] == pytest.approx(-1 / (K - 1), rel=1e-9)
    assert values["nc2_participation_ratio"] == pytest.approx(K - 1, rel=1e-9)
    for name in ("nc3_cos_mean", "nc3_cos_mean_centred", "nc4_ncc_accuracy", "nc4_linear_accuracy"):
        assert values[name] == pytest.approx(1, rel=1e-9)
    assert values["nc4_agreement"] == 1
    assert values["nc1_identity_share"] + values["nc1_category_share"] == pytest.approx(1, rel=1e-9)


def test_identity_7_rotating_features_and_head_together_changes_nothing() -> None:
    features, labels, weight = tokens(7, 25, 9)
    R = rotation(7, 9)
    assert changed(metrics(features, labels, weight), metrics(features @ R, labels, weight @ R)) == set()


def test_identity_7_an_offset_of_all_features_changes_only_the_uncentred_kernel() -> None:
    features, labels, weight = tokens(8, 25, 9)
    linear = (features @ weight.T).argmax(axis=1)
    moved = features + np.random.default_rng(8).normal(size=9)
    before, after = metrics(features, labels, weight, linear), metrics(moved, labels, weight, linear)
    assert changed(before, after) == {"gnc2_log_cov_paper"}


def test_identity_7_an_offset_of_all_rows_of_the_head_changes_only_the_raw_duality_forms() -> None:
    features, labels, weight = tokens(9, 25, 9)
    moved = weight + np.random.default_rng(9).normal(size=9)
    raw = {"nc3_cos_mean", "nc3_dual_error", "unc3_cos_std", "unc3_cos_cov_paper", "nc0_row_sum"}
    assert changed(metrics(features, labels, weight), metrics(features, labels, moved)) == raw


@pytest.mark.parametrize("scale", [0.125, 3.0, 70.0])
def test_identity_7_scaling_the_features_leaves_the_scale_free_forms(scale: float) -> None:
    features, labels, weight = tokens(10, 25, 9)
    before, after = metrics(features, labels, weight), metrics(scale * features, labels, weight)
    assert changed(before, after) == {"nc1_cdnv_paper", "nc2_log_norm_cov_paper"}
    assert after["nc1_cdnv_paper"] == pytest.approx(before["nc1_cdnv_paper"] / scale**2, rel=1e-9)


@pytest.mark.parametrize("cuts", [[1], [40, 41], [7, 60, 110]], ids=str)
def test_identity_8_merged_parts_measure_as_the_whole(cuts: list[int]) -> None:
    features, labels, weight = tokens(11, 25, 9)
    order = np.random.default_rng(len(cuts)).permutation(len(labels))
    parts = [
        statistics(features[rows], labels[rows], covariance=True)
        for rows in np.split(np.arange(len(labels))[order], cuts)
    ]
    merged = parts[-1]
    for part in parts[:-1]:
        merged.merge(part)
    head = ClassifierHead(weight=torch.from_numpy(weight), bias=None)
    whole = statistics(features, labels, covariance=True)
    assert compute_metrics(merged, head, preset="full", min_count=1) == pytest.approx(
        compute_metrics(whole, head, preset="full", min_count=1), rel=1e-9
    )
