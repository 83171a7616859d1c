"""Tokens, heads and options at every edge that the definitions of the metrics have."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from nc_hf import ClassifierHead, ClassStatistics
from nc_hf.metrics.pairwise import TILE

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
    def second(self) -> np.ndarray:
        """(M, D) features of another text: as these are in part, and otherwise elsewhere."""
        half = len(self.features) // 2
        apart = np.linspace(-0.75, 0.5, self.features.shape[1]).astype(self.features.dtype)
        return np.concatenate([self.features[half:], self.features[: max(1, half)] + apart])

    @property
    def statistics_of_second(self) -> ClassStatistics:
        """The same text as statistics; of which class a token is plays no part."""
        stats = ClassStatistics(self.features.shape[1])
        stats.update(torch.from_numpy(self.second), torch.arange(len(self.second)) % 3)
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


def on_a_grid(seed: int, classes: int, dim: int, *, scatter: bool = True, tokens: int = 4) -> Case:
    """Classes of equally many tokens in multiples of 1/64: with powers of two all sums and means are exact."""
    rng = np.random.default_rng(seed)
    means, around = (np.round(rng.normal(size=(classes, rows, dim)) * 64) / 64 for rows in (1, tokens))
    features = (means + (around if scatter else 0 * around)).reshape(-1, dim)
    weight = rng.normal(size=(classes, dim)) + means[:, 0]
    return Case(features, np.repeat(np.arange(classes), tokens), weight)


def approaching(apart: float, dim: int, *, scatter: bool = True) -> Case:
    """The tokens of the third of eight classes are those of the last, moved by ``apart``, zero or a power of two."""
    case = on_a_grid(21, 8, dim, scatter=scatter)
    features = case.features.copy()
    features[case.labels == 2] = features[case.labels == 7]
    features[case.labels == 2, 1] += apart
    return replace(case, features=features)


def all_alike(tokens: int, classes: int, dim: int) -> Case:
    """Every class has the same tokens."""
    case = on_a_grid(22, classes, dim, tokens=tokens)
    return replace(case, features=np.tile(case.features[:tokens], (classes, 1)))


def on_a_line() -> Case:
    """In one dimension, one class at the centre and two in one place; of the uncentred means two are zero."""
    means = np.repeat([0.0, 4, 4, -8, 0, -1, 1], 4)
    features = means + np.tile([0.5, -0.5, 0.25, -0.25], 7)
    weight = np.array([1.0, 2, -1, -3, 0, 1, 2])
    return Case(features[:, None], np.repeat(np.arange(7), 4), weight[:, None], zeros=ONE_DIMENSION)


def with_head(rows: Callable[[np.ndarray], np.ndarray]) -> Case:
    case = gaussian(23, [7] * 9, 4)
    return replace(case, weight=rows(case.weight))


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
        "unc3_cos_std_centred",
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
    "single tokens beside two classes": lambda: gaussian(18, [1] * 10 + [3, 4], 4),
    "coincident means, more classes than dimensions": lambda: approaching(0.0, 5),
    "coincident means, fewer classes than dimensions": lambda: approaching(0.0, 12),
    "coincident means of a simplex": lambda: approaching(0.0, 7),
    "coincident means in a plane": lambda: approaching(0.0, 2),
    "coincident means without scatter": lambda: approaching(0.0, 5, scatter=False),
    "no scatter": lambda: on_a_grid(24, 9, 8, scatter=False),
    "no scatter, one dimension": lambda: replace(on_a_grid(25, 9, 1, scatter=False), zeros=ONE_DIMENSION),
    "all means equal": lambda: all_alike(4, 6, 3),
    "all tokens equal": lambda: replace(all_alike(4, 6, 3), features=np.full((24, 3), 0.7)),
    "two classes in one place": lambda: all_alike(4, 2, 3),
    "on a line": on_a_line,
    "a head of zeros": lambda: with_head(lambda weight: 0 * weight),
    "a head of equal rows": lambda: with_head(lambda weight: np.tile(weight[:1], (len(weight), 1))),
    "a head with rows of zeros and pairs of equal rows": lambda: with_head(
        lambda weight: np.where(np.arange(len(weight))[:, None] % 3, np.repeat(weight, 2, axis=0)[: len(weight)], 0.0)
    ),
}


def assert_equal(actual: dict[str, float], expected: dict[str, float], zeros: frozenset[str], relative: float) -> None:
    """Every name and no other; NaN and infinities where the definition says so and nowhere else."""

    def same(name: str, value: float, truth: float) -> bool:
        if math.isnan(truth):
            return math.isnan(value)
        return max(abs(value), abs(truth)) <= ZERO if name in zeros else math.isclose(value, truth, rel_tol=relative)

    assert set(actual) == set(expected)
    off = {name: (value, expected[name]) for name, value in actual.items() if not same(name, value, expected[name])}
    assert not off, f"(nc_hf, oracle): {off}"
