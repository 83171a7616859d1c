"""NC5 in cases whose value is plain, and what is refused; values on any data are held by tests/reference."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from nc_hf import ClassStatistics, compute_metrics
from nc_hf.errors import InputError, MergeError
from nc_hf.metrics.compute import pass_metrics
from nc_hf.metrics.table import METRICS
from tests.reference.noisy_classes import statistics

NAMES = [name for name in METRICS if METRICS[name].family == "NC5"]
RAW, CENTRED = "nc5_ood_orthogonality", "nc5_ood_orthogonality_centred"


def text(*tokens: list[float], classes: int = 1) -> ClassStatistics:
    return statistics(np.array(tokens, dtype=float), np.arange(len(tokens)) % classes)


def both(first: ClassStatistics, second: ClassStatistics, **options: object) -> tuple[float, float]:
    values = compute_metrics(first, None, NAMES, 1, second=second, **options)  # type: ignore[arg-type]
    return values[RAW], values[CENTRED]


AXES = text([2.0, 0, 0], [-1, 0, 0], [0, 3, 0], [0, 0, 0], classes=4)
"""Four classes of a token each; the last one has no direction. Their mean is (.25, .75, 0)."""


@pytest.mark.parametrize(("direction", "raw"), [((0, 0, 5), 0.0), ((7, 0, 0), 2 / 3), ((1, 1, 0), math.sqrt(0.5))])
def test_another_text_lies_across_the_means_or_along_them(direction: tuple[float, ...], raw: float) -> None:
    for sign in (1, -1):
        values = compute_metrics(AXES, None, NAMES, 1, second=text([sign * x for x in direction]))
        assert values[RAW] == pytest.approx(raw, abs=1e-15)
        assert values["nc5_undirected_classes"] == 1
        assert values["nc5_undirected_classes_centred"] == 0


def test_the_centred_form_is_about_the_mean_of_all_tokens() -> None:
    moved = text([12.0, 10, 10], [9, 10, 10], [10, 13, 10], [10, 10, 10], classes=4)
    assert both(moved, text([10.25, 10.75, 15]))[1] == pytest.approx(0, abs=1e-12)
    assert both(moved, text([10.25, 10.75, 15]))[0] > 0.9
    assert math.isnan(both(moved, text([10.25, 10.75, 10]))[1])


def test_each_token_of_another_text_counts_once_whatever_its_class() -> None:
    tokens = [[3.0, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 2]]
    found = {both(AXES, text(*tokens, classes=classes)) for classes in (1, 2, 4)}
    assert len(found) == 1


def test_the_classes_that_count_are_those_of_the_first_text() -> None:
    twice = statistics(np.repeat([[2.0, 0], [0, 3], [1, 1]], 2, axis=0), np.repeat([0, 1, 2], 2))
    assert both(twice, text([4.0, 0]), classes=torch.tensor([0, 1]))[0] == pytest.approx(0.5)
    assert both(twice, text([4.0, 0]))[0] == pytest.approx((1 + 0 + math.sqrt(0.5)) / 3)


def test_random_directions_have_what_the_documents_say() -> None:
    dim, rng = 256, np.random.default_rng(0)
    means = rng.normal(size=(2000, dim))
    raw, _ = both(statistics(means, np.arange(2000)), text(rng.normal(size=dim).tolist()))
    assert raw == pytest.approx(math.sqrt(2 / (math.pi * dim)), rel=0.05)


def test_features_of_another_width_are_refused() -> None:
    with pytest.raises(MergeError, match="second corpus have width 2, and those of the first 3: take both from"):
        both(AXES, text([1.0, 2]))


def test_one_text_has_no_nc5_and_says_so_by_name() -> None:
    twice = statistics(np.repeat([[2.0, 0], [0, 3]], 2, axis=0), np.repeat([0, 1], 2))
    assert not set(NAMES) & compute_metrics(twice, None, "full", 1).keys()
    assert not set(NAMES) & set(pass_metrics("full", 0))
    for name in NAMES:
        with pytest.raises(InputError, match=rf"{name} needs a second corpus, .* study \(measure_also\) or to compute"):
            pass_metrics([name], 0)
