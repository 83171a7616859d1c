"""Pairs are drawn evenly, so that means over them are without bias and their stated error is the one they have."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from nc_hf import METRICS, PRESETS, ClassStatistics, compute_metrics
from nc_hf.errors import InputError
from nc_hf.metrics.compute import estimate_metrics, pass_metrics
from nc_hf.metrics.drawing import DRAWS, drawn_pairs, number_of_pairs, over_draws
from nc_hf.metrics.jackknife import t_quantile
from tests.reference.oracle import oracle_metrics

BY_DRAWING = [name for name, metric in METRICS.items() if metric.by_drawing]
EVERY_PAIR = [name for name, metric in METRICS.items() if metric.needs_every_pair]


def taken(class_ids: torch.Tensor, draw: int) -> set[tuple[int, int]]:
    """The pairs of ids that a draw takes."""
    ids = class_ids.tolist()
    return {
        (min(ids[i], ids[j]), max(ids[i], ids[j]))
        for one, other in drawn_pairs(class_ids, draw)
        for i in one.tolist()
        for j in other.tolist()
    }


@pytest.mark.parametrize(("classes", "sets"), [(40, 2), (1500, 8)])
def test_each_pair_is_taken_as_often_as_another(classes: int, sets: int) -> None:
    """A pair is taken where its two classes are dealt to the two sets of one tile: with probability 1 / sets."""
    ids, draws = torch.arange(classes) * 7 + 3, 2000 if classes < 100 else 300
    often = torch.zeros(12, 12)
    for draw in range(draws):
        pairs = list(drawn_pairs(ids, draw))
        assert len(pairs) == sets // 2
        dealt = torch.full((classes,), -1)
        for number, (one, other) in enumerate(pairs):
            dealt[one], dealt[other] = 2 * number, 2 * number + 1
        assert bool((dealt >= 0).all()), "every class is dealt, and so in as many pairs as another"
        few = dealt[:12]
        often += (few[:, None] // 2 == few // 2) & (few[:, None] != few)
    shares = often[torch.triu_indices(12, 12, 1).unbind()] / draws
    spread = math.sqrt((1 / sets) * (1 - 1 / sets) / draws)
    assert shares.mean() == pytest.approx(1 / sets, abs=4 * spread)
    assert float((shares - 1 / sets).abs().max()) < 4.5 * spread


def test_no_pair_is_taken_twice_in_a_draw_and_draws_differ() -> None:
    ids = torch.arange(0, 3000, 2)
    first, second = taken(ids, 0), taken(ids, 1)
    assert all(one < other for one, other in first)
    assert len(first) == sum(len(one) * len(other) for one, other in drawn_pairs(ids, 0))
    # Independent draws have as many pairs in common as chance gives them: each has an eighth of all.
    assert len(first & second) / len(first) == pytest.approx(1 / 8, rel=0.1)
    assert number_of_pairs(ids) == sum(len(taken(ids, draw)) for draw in range(DRAWS))


def test_a_class_that_is_not_there_changes_nothing_for_the_others() -> None:
    ids = torch.arange(1000)
    rest = ids[ids != 400]
    assert taken(rest, 3) == {pair for pair in taken(ids, 3) if 400 not in pair}


def drawn_tokens(generator: torch.Generator, classes: int = 60, dim: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """Features of classes that differ in spread and number, with ids that no other drawing has."""
    ids = torch.randperm(1_000_000, generator=generator)[:classes].sort().values
    counts = torch.randint(3, 12, (classes,), generator=generator)
    labels = ids.repeat_interleave(counts)
    centres = torch.randn(classes, dim, generator=generator) * (1 + torch.rand(classes, 1, generator=generator))
    noise = torch.randn(len(labels), dim, generator=generator) * 0.3
    return (centres.repeat_interleave(counts, 0) + noise).double().numpy(), labels.numpy()


def statistics_of(features: np.ndarray, labels: np.ndarray) -> ClassStatistics:
    stats = ClassStatistics(features.shape[1])
    stats.update(torch.from_numpy(features), torch.from_numpy(labels))
    return stats


@pytest.mark.slow
def test_estimates_are_without_bias_and_their_errors_hold() -> None:
    """Against all pairs by brute force, over 150 sets of classes that are drawn from independently."""
    generator, names = torch.Generator().manual_seed(0), ["nc1_cdnv", "nc1_cdnv_log_mean", "gnc2_log_mean"]
    off: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(150):
        features, labels = drawn_tokens(generator)
        wanted = oracle_metrics(features, labels, min_count=2)
        values, errors = estimate_metrics(statistics_of(features, labels), None, names, 2)
        for name in names:
            off[name].append((values[name] - wanted[name]) / errors[name])
    for name, each in off.items():
        assert abs(np.mean(each)) < 4 * np.std(each) / math.sqrt(150), f"{name} is biased"
        covered = np.mean(np.abs(each) < t_quantile(DRAWS))
        assert covered == pytest.approx(0.95, abs=4 * math.sqrt(0.95 * 0.05 / 150)), name


@pytest.mark.parametrize("name", [name for name in BY_DRAWING if name not in ("nc1_cdnv_excluded_share",)])
def test_every_estimate_is_near_what_all_pairs_give(name: str) -> None:
    features, labels = drawn_tokens(torch.Generator().manual_seed(1), classes=300)
    wanted = oracle_metrics(features, labels, min_count=2)[name]
    values, errors = estimate_metrics(statistics_of(features, labels), None, [name], 2)
    assert abs(values[name] - wanted) < 5 * errors[name]
    assert 0 < errors[name] < 0.2 * abs(wanted)


def test_what_has_to_see_every_pair_is_left_out_of_a_preset_and_refused_by_name() -> None:
    features, labels = drawn_tokens(torch.Generator().manual_seed(2))
    stats = statistics_of(features, labels)
    whole, drawn = compute_metrics(stats, None, "full", 2), compute_metrics(stats, None, "full", 2, drawn=True)
    assert [name for name in whole if name not in drawn] == [name for name in EVERY_PAIR if name in whole]
    assert list(drawn) == [name for name in whole if name in drawn], "in the order of the table"
    for name, value in drawn.items():
        if METRICS[name].pairs is None:
            assert value == pytest.approx(whole[name], nan_ok=True), name
    for name in EVERY_PAIR:
        with pytest.raises(InputError, match=f"{name} has to see every pair"):
            compute_metrics(stats, None, [name], 2, drawn=True)
        with pytest.raises(InputError, match=f"{name} has to see every pair"):
            pass_metrics([name], 0, exact_classes=1000)
    assert set(PRESETS["core"]).isdisjoint(EVERY_PAIR), "core has no less of many classes"


def test_a_value_that_is_not_finite_has_no_error() -> None:
    values, errors = over_draws([{"a": math.inf if draw == 3 else 1.0, "b": float(draw)} for draw in range(DRAWS)])
    assert values == {"a": math.inf, "b": 4.5}
    assert math.isnan(errors["a"])
    assert errors["b"] == pytest.approx(np.std(range(10), ddof=1) / math.sqrt(10))


def test_parts_of_a_text_have_the_pairs_of_all_of_it_but_for_those_of_the_classes_that_they_lack() -> None:
    """Sets are twice as many of 3,000 classes as of 2,800, unless it is said what they are made for."""
    every, part = torch.arange(3000), torch.arange(2800)
    assert taken(part, 0) != {pair for pair in taken(every, 0) if max(pair) < 2800}
    same = {
        (min(i, j), max(i, j))
        for one, other in drawn_pairs(part, 0, 3000)
        for i in one.tolist()
        for j in other.tolist()
    }
    assert same == {pair for pair in taken(every, 0) if max(pair) < 2800}
