"""The exact identities of the metrics, by number, and what small samples do to the plain and the corrected forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.special import polygamma, psi

from nc_hf import ClassifierHead, ClassStatistics, compute_metrics
from nc_hf.metrics.decisions import count_agreement

SHAPES = {"K > D": (30, 8), "K < D": (7, 20), "K = 2": (2, 5), "K = D + 1": (9, 8), "D = 1": (6, 1)}
# A value that is 0 as the root of a - b, with a and b of order 1 and each good to 1e-16.
ZERO = 1e-7


def tokens(seed: int, K: int, D: int, per_class: int = 6) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features (N, D) of K noisy classes off the origin, labels (N,), and a head (K, D) that knows a little of them."""
    rng = np.random.default_rng(seed)
    means = 0.4 + rng.normal(size=(K, D))
    labels = np.repeat(np.arange(K), per_class)
    features = means[labels] + 0.6 * rng.normal(size=(len(labels), D))
    return features, labels, 0.5 * means + rng.normal(size=(K, D))


def statistics(features: np.ndarray, labels: np.ndarray, **options: bool) -> ClassStatistics:
    stats = ClassStatistics(features.shape[1], **options)
    stats.update(torch.from_numpy(features), torch.from_numpy(labels))
    return stats


def metrics(
    features: np.ndarray, labels: np.ndarray, weight: np.ndarray, linear: np.ndarray | None = None
) -> dict[str, float]:
    """All metrics, with NC4 against the decisions ``linear``, which are the head's own unless given."""
    stats = statistics(features, labels, covariance=True)
    linear = (features @ weight.T).argmax(axis=1) if linear is None else linear
    counts = count_agreement(
        stats,
        torch.from_numpy(features),
        torch.from_numpy(labels),
        torch.from_numpy(linear),
        leave_one_out=False,
    )
    head = ClassifierHead(weight=torch.from_numpy(weight), bias=None)
    categories = {int(c): int(c) % 3 for c in labels}
    return compute_metrics(stats, head, preset="full", min_count=1, agreement=counts, categories=categories)


def centred_means(features: np.ndarray, labels: np.ndarray) -> np.ndarray:
    means = statistics(features, labels).means.numpy()
    return means - means.mean(axis=0)


def pair_products(rows: np.ndarray) -> np.ndarray:
    first, second = np.triu_indices(len(rows), 1)
    return (rows[first] * rows[second]).sum(axis=1)


def changed(before: dict[str, float], after: dict[str, float]) -> set[str]:
    assert set(before) == set(after)
    return {name for name in before if not math.isclose(before[name], after[name], rel_tol=1e-9, abs_tol=1e-12)}


def rotation(seed: int, D: int) -> np.ndarray:
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(D, D)))[0]


def simplex(K: int, D: int) -> np.ndarray:
    """K unit vectors (K, D) around the origin, each pair at the cosine -1/(K-1)."""
    corners = (np.eye(K) - 1 / K) * math.sqrt(K / (K - 1))
    basis = np.linalg.svd(corners)[2][: K - 1]
    return np.pad(corners @ basis.T, [(0, 0), (0, D - K + 1)]) @ rotation(0, D)


@pytest.mark.parametrize(("K", "D"), SHAPES.values(), ids=SHAPES)
def test_identity_1_mean_inner_product_is_fixed_by_the_norms(K: int, D: int) -> None:
    m = centred_means(*tokens(1, K, D)[:2])
    assert pair_products(m).mean() == pytest.approx(-(m**2).sum(axis=1).mean() / (K - 1), rel=1e-9)


@pytest.mark.parametrize("D", [2, 5, 40])
def test_identity_1_any_equinorm_means_have_the_mean_cosine_of_a_simplex(D: int) -> None:
    """Antipodes of one length: their mean cosine is that of an ETF, -1/(K-1), and they are nothing like one."""
    half = np.random.default_rng(D).normal(size=(10, D))
    half /= np.linalg.norm(half, axis=1, keepdims=True)
    stats = statistics(np.concatenate([half, -half]), np.arange(20))
    values = compute_metrics(stats, preset=["nc2_cos_mean", "nc2_cos_std"], min_count=1)
    assert values["nc2_cos_mean"] == pytest.approx(-1 / 19, rel=1e-9)
    assert values["nc2_cos_std"] > 0.2


@pytest.mark.parametrize(("K", "D"), SHAPES.values(), ids=SHAPES)
def test_identity_2_cosine_moments_from_the_sum_and_the_second_moment_of_directions(K: int, D: int) -> None:
    features, labels, weight = tokens(2, K, D)
    values = metrics(features, labels, weight)
    m = centred_means(features, labels)
    u = m / np.linalg.norm(m, axis=1, keepdims=True)
    cosines = pair_products(u)
    mean = ((u.sum(axis=0) ** 2).sum() - K) / (K * (K - 1))
    mean_square = (((u.T @ u) ** 2).sum() - K) / (K * (K - 1))
    assert values["nc2_cos_mean"] == pytest.approx(mean, rel=1e-9)
    assert values["nc2_cos_mean"] == pytest.approx(cosines.mean(), rel=1e-9)
    assert values["nc2_cos_std"] ** 2 + values["nc2_cos_mean"] ** 2 == pytest.approx(mean_square, rel=1e-9)
    assert values["nc2_cos_std"] == pytest.approx(cosines.std(), rel=1e-9, abs=ZERO)


@pytest.mark.parametrize(("K", "D"), SHAPES.values(), ids=SHAPES)
def test_identity_3_etf_error_is_a_function_of_the_participation_ratio(K: int, D: int) -> None:
    features, labels, weight = tokens(3, K, D)
    values = metrics(features, labels, weight)
    gram = centred_means(features, labels) @ centred_means(features, labels).T
    simplex_gram = np.eye(K) - 1 / K
    explicit = np.linalg.norm(gram / np.linalg.norm(gram) - simplex_gram / np.linalg.norm(simplex_gram))
    from_ratio = 2 - 2 * math.sqrt(values["nc2_participation_ratio"] / (K - 1))
    assert values["nc2_etf_error"] ** 2 == pytest.approx(from_ratio, rel=1e-9, abs=ZERO**2)
    assert values["nc2_etf_error"] == pytest.approx(explicit, rel=1e-9, abs=ZERO)
    assert values["nc2_participation_ratio"] == pytest.approx(np.trace(gram) ** 2 / (gram**2).sum(), rel=1e-9)
    assert values["nc2_participation_ratio_per_dim"] == pytest.approx(values["nc2_participation_ratio"] / D, rel=1e-12)
    assert values["nc2_etf_error"] >= math.sqrt(max(0.0, 2 - 2 * math.sqrt(D / (K - 1)))) - ZERO


def test_identity_3_the_lower_bound_is_reached_by_a_tight_frame() -> None:
    """2 D antipodes along the axes spread evenly over D dimensions: no K means could come closer to an ETF."""
    D = 5
    stats = statistics(np.concatenate([np.eye(D), -np.eye(D)]), np.arange(2 * D))
    error = compute_metrics(stats, preset=["nc2_etf_error"], min_count=1)["nc2_etf_error"]
    assert error == pytest.approx(math.sqrt(2 - 2 * math.sqrt(D / (2 * D - 1))), rel=1e-9)


@pytest.mark.parametrize(("K", "D"), SHAPES.values(), ids=SHAPES)
def test_identity_4_dual_error_needs_only_products_of_size_d(K: int, D: int) -> None:
    features, labels, W = tokens(4, K, D)
    values = metrics(features, labels, W)
    M = centred_means(features, labels)
    norm = math.sqrt(np.trace((W.T @ W) @ (M.T @ M)))
    assert norm == pytest.approx(np.linalg.norm(W @ M.T), rel=1e-9)
    closed = 2 - 2 * (W * M).sum() / (norm * math.sqrt(K - 1))
    simplex_gram = np.eye(K) - 1 / K
    explicit = np.linalg.norm(W @ M.T / np.linalg.norm(W @ M.T) - simplex_gram / np.linalg.norm(simplex_gram))
    assert values["nc3_dual_error"] ** 2 == pytest.approx(closed, rel=1e-9)
    assert values["nc3_dual_error"] == pytest.approx(explicit, rel=1e-9)


@pytest.mark.parametrize("D", [3, 16, 64])
def test_identity_5_simulated_uniform_directions_have_the_closed_form_kernel(D: int) -> None:
    """1,200 random directions: 7e5 pairs, though not independent ones, fix the mean to 1e-3 and the spread to 1 %."""
    K = 1200
    directions = np.random.default_rng(D).normal(size=(K, D))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    names = ["gnc2_log_mean", "gnc2_log_std", "gnc2_log_std_ratio"]
    stats = statistics(np.repeat(directions, 2, axis=0), np.repeat(np.arange(K), 2))
    values = compute_metrics(stats, preset=names, min_count=2)
    mean = -(math.log(4) + psi((D - 1) / 2) - psi(D - 1)) / 2
    spread = math.sqrt(polygamma(1, (D - 1) / 2) - polygamma(1, D - 1)) / 2
    assert values["gnc2_log_mean"] == pytest.approx(mean, abs=2e-3)
    assert values["gnc2_log_std"] == pytest.approx(spread, rel=0.01)
    assert values["gnc2_log_std_ratio"] == pytest.approx(1, rel=0.01)


@pytest.mark.parametrize(("D", "digits", "places"), [(64, 0.0637, 4), (1024, 0.01564, 5)])
def test_identity_5_reference_spread_in_the_digits_of_the_definition(D: int, digits: float, places: int) -> None:
    features, labels, _ = tokens(5, 12, D, per_class=2)
    stats = statistics(features, labels)
    values = compute_metrics(stats, preset=["gnc2_log_std", "gnc2_log_std_ratio"], min_count=1)
    reference = values["gnc2_log_std"] / values["gnc2_log_std_ratio"]
    assert round(reference, places) == digits
    assert reference == pytest.approx(math.sqrt(polygamma(1, (D - 1) / 2) - polygamma(1, D - 1)) / 2, rel=1e-9)


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


# -- Small samples: K = 300 classes in D = 64 with as much variance within a class as between classes, n tokens each.
# n: (k = 1, k = 2), the plain plug-in over the truth, from one draw to two digits. Draws scatter by .006, so that the
# mean of several may be off the table by twice this and its rounding.
PLUG_IN = {2: (0.33, 0.22), 3: (0.49, 0.36), 5: (0.67, 0.56), 10: (0.81, 0.74), 30: (0.93, 0.90), 100: (0.98, 0.97)}


def small_sample(seed: int, n: int) -> dict[str, float]:
    """Values over truth: CDNV as METRICS.md corrects it, plain with k = 1 and k = 2, and the trace ratio."""
    K, D = 300, 64
    rng = np.random.default_rng(seed)
    means = rng.normal(size=(K, D))
    labels = np.repeat(np.arange(K), n)
    stats = statistics(means[labels] + rng.normal(size=(K * n, D)), labels)
    values = compute_metrics(stats, preset=["nc1_cdnv", "nc1_cdnv_paper", "nc1_trace_ratio"], min_count=2)
    first, second = np.triu_indices(K, 1)
    true_d2 = ((means[first] - means[second]) ** 2).sum(axis=1)
    seen, var = stats.means.numpy(), (stats.scatter / stats.counts).numpy()
    plain = (var[first] + var[second]) / (2 * ((seen[first] - seen[second]) ** 2).sum(axis=1))
    centred = means - means.mean(axis=0)
    return {
        "corrected": values["nc1_cdnv"] / (D / true_d2).mean(),
        "plain": plain.mean() / (D / true_d2).mean(),
        "plain, k = 2": values["nc1_cdnv_paper"] / (D / true_d2**2).mean(),
        "trace ratio": values["nc1_trace_ratio"] / (D / (centred**2).sum(axis=1).mean()),
    }


def small_samples(n: int) -> dict[str, float]:
    draws = [small_sample(seed, n) for seed in range(max(2, 12 // n))]
    return {name: float(np.mean([draw[name] for draw in draws])) for name in draws[0]}


@pytest.mark.parametrize("n", PLUG_IN)
def test_small_samples_shrink_the_plain_cdnv_as_tabulated(n: int) -> None:
    ratios = small_samples(n)
    assert ratios["plain"] == pytest.approx(PLUG_IN[n][0], abs=0.017)
    assert ratios["plain, k = 2"] == pytest.approx(PLUG_IN[n][1], abs=0.017)


@pytest.mark.parametrize(("n", "excess"), [(3, 0.04), (5, 0.025), (10, 0.015), (30, 0.01), (100, 0.01)])
def test_small_samples_leave_the_corrected_forms_at_the_truth(n: int, excess: float) -> None:
    """A distance without bias still has noise, and the mean of its reciprocal lies above: by 3 % at n = 3, 0.5 % at 10.

    The trace ratio divides means, not pairs, and has none of it.
    """
    ratios = small_samples(n)
    assert ratios["corrected"] == pytest.approx(1, abs=excess)
    assert ratios["trace ratio"] == pytest.approx(1, abs=0.01)
