"""Standard errors: the formula, and how they compare with how far the values of fresh samples really lie apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
from torch import Tensor

from nc_hf import ClassStatistics, compute_metrics
from nc_hf.errors import StatisticsError
from nc_hf.metrics.jackknife import jackknife_error
from nc_hf.metrics.uncertainty import Compute, debiased, halves_of, replicates, without_each

NAMES = ["nc1_cdnv", "nc1_trace_ratio", "nc2_cos_std", "nc2_log_norm_std", "gnc2_log_std_ratio"]
GROUPS, WIDTH = 10, 16
Draw = Callable[[torch.Generator], tuple[Tensor, Tensor]]


def parts_of(features: Tensor, labels: Tensor, group: Tensor) -> list[ClassStatistics]:
    parts = [ClassStatistics(WIDTH) for _ in range(GROUPS)]
    for number, part in enumerate(parts):
        part.update(features[group == number].flatten(0, -2), labels[group == number].flatten())
    return parts


def whole_of(parts: list[ClassStatistics]) -> ClassStatistics:
    whole = ClassStatistics(WIDTH)
    for part in parts:
        whole.merge(part)
    return whole


def errors_of(parts: list[ClassStatistics], compute: Compute) -> dict[str, float]:
    return {name: jackknife_error(values) for name, values in replicates(parts, compute).items()}


def calibration(draw: Draw, group: Tensor, *, min_count: int, hold: bool = True, samples: int = 30) -> dict[str, float]:
    """The mean standard error over the standard deviation of the values of so many samples."""
    values, errors = [], []
    for seed in range(samples):
        parts = parts_of(*draw(torch.Generator().manual_seed(seed)), group)
        whole = whole_of(parts)
        classes = whole.class_ids[whole.counts >= min_count] if hold else None

        def compute(stats: ClassStatistics, group: int, classes: Tensor | None = classes) -> dict[str, float]:
            return compute_metrics(stats, None, NAMES, min_count, classes=classes)

        values.append(compute_metrics(whole, None, NAMES, min_count))
        errors.append(errors_of(parts, compute))
    return {
        name: float(np.mean([error[name] for error in errors]) / np.std([value[name] for value in values], ddof=1))
        for name in NAMES
    }


def test_the_formula() -> None:
    generator = torch.Generator().manual_seed(0)
    features, labels = torch.randn(200, WIDTH, generator=generator), torch.randint(3, (200,), generator=generator)
    group = torch.arange(200) // 20
    parts = parts_of(features.unsqueeze(1), labels.unsqueeze(1), group)
    seen: list[int] = []

    def compute(stats: ClassStatistics, left_out: int) -> dict[str, float]:
        seen.append(left_out)
        return {"mean": float(stats.means.mean()), "tokens": float(stats.num_tokens)}

    found = errors_of(parts, compute)
    assert seen == list(range(GROUPS))
    means = []
    for number in range(GROUPS):
        kept = group != number
        means.append(np.mean([features[kept & (labels == c)].double().mean(dim=0).numpy() for c in range(3)]))
    assert found["mean"] == pytest.approx(np.sqrt(0.9 * np.sum((np.array(means) - np.mean(means)) ** 2)), rel=1e-9)
    assert found["tokens"] == 0


@pytest.mark.parametrize("groups", [5, 10])
def test_halves_hold_each_group_equally_often(groups: int) -> None:
    parts = [ClassStatistics(2) for _ in range(groups)]
    for number, part in enumerate(parts):
        part.update(torch.ones(1, 2), torch.tensor([number]))
    halves = [half.class_ids.tolist() for half in halves_of(parts)]
    assert all(len(half) == groups // 2 for half in halves)
    assert sorted(number for half in halves for number in half) == sorted(list(range(groups)) * (groups // 2))


def test_a_half_with_too_little_text_corrects_nothing() -> None:
    groups = [ClassStatistics(2) for _ in range(6)]

    def measure(part: ClassStatistics, names: Sequence[str]) -> dict[str, float]:
        raise StatisticsError("fewer than two classes")

    values, found = {"nc1_cdnv_median": 3.0, "nc2_norm_cov": 1.0}, {"nc1_cdnv_median": [3.1] * 6}
    assert debiased(values, found, groups, measure) == values


def test_a_median_is_corrected_by_halves_and_a_spread_by_what_is_left_out_and_stays_positive() -> None:
    groups = [ClassStatistics(2) for _ in range(10)]
    values = {"nc1_cdnv_median": 3.0, "nc2_cos_std": 0.2, "nc3_cos_mean_centred": 0.1, "nc2_norm_cov": 1.0}
    found = {name: [value + 0.03] * 10 for name, value in values.items()}
    corrected = debiased(values, found, groups, lambda part, names: dict.fromkeys(names, 3.5))
    assert corrected == {
        "nc1_cdnv_median": pytest.approx(2.5),
        "nc2_cos_std": 0.0,
        "nc3_cos_mean_centred": pytest.approx(0.1 - 0.27),
        "nc2_norm_cov": 1.0,
    }


def test_each_group_is_left_out_once() -> None:
    features = torch.arange(6, dtype=torch.float64).unsqueeze(1)
    parts = []
    for number in range(3):
        parts.append(ClassStatistics(1))
        parts[-1].update(features[2 * number : 2 * number + 2], torch.tensor([0, number]))
    rests = list(without_each(parts))
    assert [rest.counts.tolist() for rest in rests] == [[2, 1, 1], [3, 1], [3, 1]]
    assert [rest.class_ids.tolist() for rest in rests] == [[0, 1, 2], [0, 2], [0, 1]]
    assert [float(rest.means[0]) for rest in rests] == pytest.approx([(2 + 4) / 2, (0 + 1 + 4) / 3, (0 + 1 + 2) / 3])
    assert [part.num_tokens for part in parts] == [2, 2, 2], "a group was added to"


def test_without_text_to_spare_there_is_none() -> None:
    def refuse(stats: ClassStatistics, group: int) -> dict[str, float]:
        raise StatisticsError("too few")

    assert replicates([ClassStatistics(2)] * GROUPS, refuse) == {}


@pytest.mark.slow
def test_classes_near_the_threshold_do_not_inflate_the_errors() -> None:
    """Zipf-like classes, of which many have about ``min_count`` tokens."""
    weights = 1 / torch.arange(1, 201, dtype=torch.float64)
    centres = torch.randn(200, WIDTH, generator=torch.Generator().manual_seed(9))

    def draw(generator: torch.Generator) -> tuple[Tensor, Tensor]:
        labels = torch.multinomial(weights, 4_000, replacement=True, generator=generator)
        return (centres[labels] + torch.randn(4_000, WIDTH, generator=generator)).unsqueeze(1), labels.unsqueeze(1)

    group = torch.arange(4_000) * GROUPS // 4_000
    held = calibration(draw, group, min_count=10)
    assert all(0.5 < ratio < 1.3 for ratio in held.values()), held
    leaping = calibration(draw, group, min_count=10, hold=False)
    assert max(leaping.values()) > 1.5, leaping


@pytest.mark.slow
def test_documents_of_many_blocks_do_not_deflate_the_errors() -> None:
    """Ten documents of twenty blocks, in each of which a token means something a little different."""
    centres = torch.randn(30, WIDTH, generator=torch.Generator().manual_seed(9))

    def draw(generator: torch.Generator) -> tuple[Tensor, Tensor]:
        labels = torch.randint(30, (200, 32), generator=generator)
        own = torch.randn(10, 30, WIDTH, generator=generator).repeat_interleave(20, dim=0)
        noise = torch.randn(200, 32, WIDTH, generator=generator)
        return centres[labels] + 0.7 * own[torch.arange(200)[:, None], labels] + 0.7 * noise, labels

    neighbours = calibration(draw, torch.arange(200) * GROUPS // 200, min_count=10)
    assert all(0.6 < ratio < 1.5 for ratio in neighbours.values()), neighbours
    interleaved = calibration(draw, torch.arange(200) % GROUPS, min_count=10)
    assert max(interleaved.values()) < 0.5, interleaved
