"""Every metric equals the brute-force oracle, on ordinary data and on data at every edge that the definitions have."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import torch

from nc_hf import PRESETS, ClassifierHead, ClassStatistics, compute_metrics
from nc_hf.errors import InputError, StatisticsError
from nc_hf.metrics.decisions import count_agreement
from nc_hf.metrics.pairwise import TILE, VariabilityKernel, sweep
from tests.reference.oracle import oracle_agreement, oracle_metrics

# Standard deviations and ETF errors that are 0 come out of a - b under a root, with a and b of order 1 and each good to
# 1e-16: what is left is of the order sqrt(1e-16) = 1e-8.
ZERO = 1e-7


@dataclass(frozen=True)
class Case:
    """Tokens, a head, and the options that they are measured with."""

    features: np.ndarray  # (N, D) float64
    labels: np.ndarray  # (N,)
    weight: np.ndarray  # (V, D)
    min_count: int = 1
    categories: dict[int, int] | None = None
    zeros: frozenset[str] = field(default_factory=frozenset)  # names whose true value is exactly 0 here

    def moved(self, norm: float) -> Case:
        """The same tokens with a common offset of this norm."""
        dim = self.features.shape[1]
        return replace(self, features=self.features + np.full(dim, norm / math.sqrt(dim)))

    def on_an_offset(self) -> Case:
        """The same tokens as float32 with a common offset of norm 1,000."""
        moved = self.moved(1000)
        return replace(moved, features=moved.features.astype(np.float32), weight=moved.weight.astype(np.float32))

    def logits(self) -> np.ndarray:
        """(N, V) scores of a head with the bias that takes the common offset out, so that it is right now and then."""
        return (self.features - self.features.mean(axis=0)).astype(np.float64) @ self.weight.T

    def statistics(self) -> ClassStatistics:
        """What three batches of unequal size leave behind."""
        stats = ClassStatistics(self.features.shape[1], covariance=True)
        for rows in np.split(np.arange(len(self.labels)), [len(self.labels) // 5, len(self.labels) // 2]):
            stats.update(torch.from_numpy(self.features[rows]), torch.from_numpy(self.labels[rows]))
        return stats

    @property
    def head(self) -> ClassifierHead:
        return ClassifierHead(weight=torch.from_numpy(self.weight), bias=None)


def gaussian(seed: int, counts: list[int], dim: int, *, noise: float = 0.7, **options) -> Case:
    """Gaussian classes around Gaussian means, with ids spread over a larger vocabulary, in shuffled order."""
    rng = np.random.default_rng(seed)
    vocabulary = 2 * len(counts) + 3
    ids = rng.permutation(vocabulary)[: len(counts)]
    owner = rng.permutation(np.repeat(np.arange(len(counts)), counts))
    means = 0.3 + rng.normal(size=(len(counts), dim))
    features = means[owner] + noise * rng.normal(size=(len(owner), dim))
    weight = 0.5 * rng.normal(size=(vocabulary, dim))
    weight[ids] += means
    return Case(features, ids[owner], weight, **options)


def zipf_counts(classes: int, top: int) -> list[int]:
    return [max(1, round(top / rank)) for rank in range(1, classes + 1)]


def duplicate_means() -> Case:
    """Three classes with the very same tokens. Dyadic values and counts keep their means equal to the last bit."""
    case = gaussian(6, [8] * 12, 5)
    features = np.round(case.features * 64) / 64
    first, second, third = np.unique(case.labels)[[1, 4, 7]]
    for copy in (second, third):
        features[case.labels == copy] = features[case.labels == first]
    return replace(case, features=features)


def near_means() -> Case:
    """Two classes whose means are 1e-5 apart, which a difference of squares in float64 would get wrong by 1e-6."""
    case = gaussian(14, [8] * 12, 5)
    features = case.features.copy()
    first, second = np.unique(case.labels)[[2, 9]]
    features[case.labels == second] = features[case.labels == first] + 1e-5 / math.sqrt(5)
    return replace(case, features=features)


def without_a_direction() -> Case:
    """One class lies at the mean of the means, to the last bit, and another has a row of zeros in the head."""
    corners = np.array([[0, 0, 0], [4, 0, 0], [-4, 0, 0], [0, 2, 0], [0, -2, 0], [0, 0, 1], [0, 0, -1]])
    around = np.array([[1, 2, -1], [-1, -2, 1], [2, -1, 1], [-2, 1, -1]]) / 4
    features = (corners[:, None] + around).reshape(-1, 3)
    weight = np.random.default_rng(15).normal(size=(9, 3))
    weight[3] = 0
    return Case(features, np.repeat(np.arange(7), 4), weight, zeros=frozenset({"nc2_max_cos"}))


def with_categories() -> Case:
    case = gaussian(7, zipf_counts(25, 60), 6, min_count=2)
    categories = {int(c): int(c) % 4 for c in np.unique(case.labels)}
    return replace(case, categories=categories)


# Two centred means are each other's opposites: one norm, one angle, one distance, an exact simplex.
TWO_CLASSES = frozenset(
    {
        "nc2_norm_cov",
        "nc2_log_norm_std",
        "nc2_log_norm_cov_paper",
        "nc2_cos_std",
        "nc2_cos_cov_paper",
        "nc2_max_cos_gap",
        "nc2_etf_error",
        "gnc2_log_std",
        "gnc2_log_std_ratio",
        "gnc2_log_cov_paper",
    }
)
# All directions of a line are +1 and -1: the distances of those that differ are all 2, the greatest cosine is 1.
ONE_DIMENSION = frozenset({"nc2_max_cos_gap", "gnc2_log_std", "gnc2_log_cov_paper"})

CASES: dict[str, Callable[[], Case]] = {
    "more classes than dimensions": lambda: gaussian(0, [12] * 30, 8),
    "fewer classes than dimensions": lambda: gaussian(1, [9] * 7, 20),
    "as many classes as a simplex has corners": lambda: gaussian(2, [9] * 9, 8),
    "two classes": lambda: gaussian(3, [11, 6], 5, zeros=TWO_CLASSES),
    "one dimension": lambda: gaussian(4, [14] * 9, 1, zeros=ONE_DIMENSION),
    "one dimension, on one side of the origin": lambda: gaussian(6, [14] * 9, 1, zeros=ONE_DIMENSION).moved(40),
    "one dimension, two classes": lambda: gaussian(5, [14] * 2, 1, zeros=TWO_CLASSES),
    "duplicate means": duplicate_means,
    "nearly duplicate means": near_means,
    "means and head rows without a direction": without_a_direction,
    "one class more than a tile": lambda: gaussian(8, [3] * (TILE + 1), 3),
    "a million pairs": lambda: gaussian(13, [2] * (3 * TILE + 5), 4),
    "classes below min_count": lambda: gaussian(9, [3, 9, 10, 11, 25] * 6, 7, min_count=10),
    "all but collapsed": lambda: gaussian(17, [9] * 20, 6, noise=1e-3),
    "noise that swallows differences": lambda: gaussian(10, [2] * 40, 4, noise=2.0, min_count=2),
    "Zipf counts": lambda: gaussian(11, zipf_counts(60, 200), 6, min_count=5),
    "singletons": lambda: gaussian(12, zipf_counts(60, 20), 6),
    "categories": with_categories,
}


def assert_equal(actual: dict[str, float], expected: dict[str, float], zeros: frozenset[str], relative: float) -> None:
    """Every name and no other; NaN where the definition says 0/0 and nowhere else."""

    def same(name: str, value: float, truth: float) -> bool:
        if math.isnan(truth):
            return math.isnan(value)
        return max(abs(value), abs(truth)) <= ZERO if name in zeros else math.isclose(value, truth, rel_tol=relative)

    assert set(actual) == set(expected)
    off = {name: (value, expected[name]) for name, value in actual.items() if not same(name, value, expected[name])}
    assert not off, f"(nc_hf, oracle): {off}"


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


def test_only_what_needs_a_variance_needs_two_tokens_of_a_class() -> None:
    """One token each: every metric that does not divide by n_c - 1 is there when it is asked for by name."""
    case = gaussian(16, [1] * 20, 6)
    expected = oracle_metrics(case.features, case.labels, case.weight, min_count=1)
    for name in expected:
        actual = compute_metrics(case.statistics(), case.head, preset=[name], min_count=1)
        assert actual == pytest.approx({name: expected[name]}, rel=1e-9)
    for name in ("nc1_cdnv", "nc1_cdnv_log_mean", "nc1_cdnv_median", "nc1_cdnv_excluded_share", "nc1_trace_ratio"):
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


@pytest.mark.parametrize("classes", [5, TILE + 20])
def test_a_pair_without_scatter_has_a_log_of_minus_infinity(classes: int) -> None:
    rng = np.random.default_rng(3)
    means, variance = (torch.from_numpy(rng.normal(size=shape)) for shape in ((classes, 6), classes))
    variance = variance.square()
    variance[:2] = 0.0
    kernel = VariabilityKernel(variance, torch.zeros_like(variance), 1, bracket=(0.0, math.inf))
    sweep(means, [kernel])
    assert kernel.log_mean == -math.inf
    assert 0 < kernel.values.mean < math.inf
    assert 0 < kernel.median() < math.inf


def test_means_that_all_coincide_are_no_frame() -> None:
    stats = ClassStatistics(4)
    stats.update(torch.ones(30, 4), torch.arange(30) % 3)
    values = compute_metrics(stats, preset=["nc2_etf_error", "nc2_cos_std", "nc1_cdnv_log_mean"])
    assert all(math.isnan(value) for value in values.values())


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


# -- NC4


def decide(case: Case, rows: np.ndarray, *, leave_one_out: bool, centres: np.ndarray) -> tuple[dict, dict]:
    """NC4 of nc_hf and of the oracle: tokens ``rows`` decided by the centres of the tokens ``centres``."""
    logits = case.logits()
    stats = ClassStatistics(case.features.shape[1])
    stats.update(torch.from_numpy(case.features[centres]), torch.from_numpy(case.labels[centres]))
    counts = count_agreement(
        stats,
        torch.from_numpy(case.features[rows]),
        torch.from_numpy(case.labels[rows]),
        torch.from_numpy(logits[rows].argmax(axis=1)),
        leave_one_out=leave_one_out,
    )
    actual = compute_metrics(stats, case.head, preset="full", min_count=1, agreement=counts)
    expected = oracle_agreement(
        case.features[centres],
        case.labels[centres],
        case.features[rows],
        case.labels[rows],
        logits[rows],
        leave_one_out=leave_one_out,
    )
    return {name: value for name, value in actual.items() if name.startswith("nc4")}, expected


NC4_CASES = ["more classes than dimensions", "fewer classes than dimensions", "Zipf counts", "singletons"]


@pytest.mark.parametrize("offset", [False, True], ids=["float64", "float32 on an offset"])
@pytest.mark.parametrize("name", NC4_CASES)
def test_agreement_on_the_tokens_that_made_the_centres(name: str, offset: bool) -> None:
    """Leave one out; a class of one token has no centre for it. Some of the tokens may be decided, as a buffer does."""
    case = CASES[name]().on_an_offset() if offset else CASES[name]()
    every = np.arange(len(case.labels))
    for rows in (every, every[::3]):
        actual, expected = decide(case, rows, leave_one_out=True, centres=every)
        assert 0 < expected["nc4_agreement"] < 1
        assert actual == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("offset", [False, True], ids=["float64", "float32 on an offset"])
@pytest.mark.parametrize("name", NC4_CASES)
def test_agreement_on_other_tokens(name: str, offset: bool) -> None:
    """Centres from one half of the tokens; some classes of the other half have none, and their tokens still count."""
    case = CASES[name]().on_an_offset() if offset else CASES[name]()
    half = len(case.labels) // 2
    actual, expected = decide(case, np.arange(half, len(case.labels)), leave_one_out=False, centres=np.arange(half))
    assert actual == pytest.approx(expected, rel=1e-12)


def test_leaving_one_out_matters() -> None:
    """The two kinds of centre give different answers on these tokens, so the tests above tell them apart."""
    case = CASES["singletons"]()
    every = np.arange(len(case.labels))
    _, left_out = decide(case, every, leave_one_out=True, centres=every)
    _, kept = decide(case, every, leave_one_out=False, centres=every)
    assert kept["nc4_ncc_accuracy"] > left_out["nc4_ncc_accuracy"] + 0.05


def test_a_token_halfway_goes_to_the_lowest_class_id() -> None:
    """Classes 7, 3, 5 at 0, 2, 7, seen in this order: a token at 1 is as near to 7 as to 3. All in whole numbers."""
    stats = ClassStatistics(1)
    stats.update(torch.tensor([[0.0], [2.0], [7.0]]), torch.tensor([7, 3, 5]))
    features, labels = torch.tensor([[1.0], [1.0], [2.0], [8.0]]), torch.tensor([3, 7, 3, 5])
    counts = count_agreement(stats, features, labels, torch.tensor([3, 7, 3, 3]), leave_one_out=False)
    assert (counts.tokens, counts.nearest_ties) == (4, 2)
    assert counts.ncc_correct == 3  # not the second token, which class 3 gets as well
    assert (counts.agree, counts.linear_correct, counts.agree_when_correct) == (2, 3, 2)


def test_coincident_centres_tie_and_the_lowest_class_id_wins() -> None:
    stats = ClassStatistics(2)
    stats.update(torch.tensor([[1.0, 5.0], [1.0, 5.0], [-3.0, 0.0]]), torch.tensor([8, 2, 4]))
    features = torch.tensor([[1.5, 4.0], [0.0, 9.0], [-3.0, 1.0]])
    counts = count_agreement(stats, features, torch.tensor([8, 2, 4]), torch.tensor([8, 2, 4]), leave_one_out=False)
    assert (counts.nearest_ties, counts.ncc_correct, counts.agree) == (2, 2, 2)


def test_ties_of_the_logits_are_counted_as_told() -> None:
    """Which logit was the largest is the model's to say, and so is whether it was the only one."""
    case = CASES["more classes than dimensions"]()
    stats, labels = case.statistics(), torch.from_numpy(case.labels)
    tied = torch.arange(len(labels)) % 9 == 0
    counts = count_agreement(
        stats, torch.from_numpy(case.features), labels, labels, leave_one_out=False, linear_tied=tied
    )
    values = compute_metrics(stats, preset="full", agreement=counts)
    assert counts.linear_ties == int(tied.sum())
    assert values["nc4_linear_ties"] == pytest.approx(float(tied.double().mean()))
    assert values["nc4_nearest_ties"] == 0


def test_counts_of_parts_add_up() -> None:
    case = CASES["Zipf counts"]()
    stats, features, labels = case.statistics(), torch.from_numpy(case.features), torch.from_numpy(case.labels)
    linear = torch.from_numpy(case.logits().argmax(axis=1))

    def count(rows: slice):
        return count_agreement(stats, features[rows], labels[rows], linear[rows], leave_one_out=True)

    assert count(slice(0, 100)) + count(slice(100, 101)) + count(slice(101, None)) == count(slice(None))
