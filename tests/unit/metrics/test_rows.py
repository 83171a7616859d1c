"""Rows made some at a time are those of the whole matrix."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nc_hf import ClassStatistics
from nc_hf.metrics.rows import ROWS, ClassMeans, norms_of, parts_of, rounding_of, without_rounding

CLASSES = 2 * ROWS + 3


@pytest.fixture(scope="module")
def drawn() -> tuple[ClassStatistics, np.ndarray]:
    """Statistics of classes met in any order, and their means by brute force; one of them is short."""
    random = np.random.default_rng(0)
    labels = random.permutation(np.repeat(np.arange(CLASSES) * 3, 3))
    features = 2 + random.normal(size=(len(labels), 5))
    features[labels == 30] = 1e-14
    stats = ClassStatistics(5)
    stats.update(torch.from_numpy(features), torch.from_numpy(labels))
    return stats, np.stack([features[labels == 3 * c].mean(axis=0) for c in range(CLASSES)])


@pytest.mark.parametrize("places", [None, torch.arange(1, CLASSES, 2)], ids=["every class", "some"])
def test_rows_are_those_of_the_means(drawn: tuple[ClassStatistics, np.ndarray], places: torch.Tensor | None) -> None:
    stats, every = drawn
    wanted = every if places is None else every[places.numpy()]
    means = ClassMeans(stats, places)
    assert means.shape == wanted.shape
    assert means[:].numpy() == pytest.approx(wanted, abs=1e-14)
    picked = torch.tensor([len(wanted) - 1, 0, 7, 0])
    assert means[picked].numpy() == pytest.approx(wanted[picked.numpy()], abs=1e-14)
    assert torch.cat(list(means.parts())).equal(means[:])
    assert means.norms.numpy() == pytest.approx(np.linalg.norm(wanted, axis=1), rel=1e-14, abs=1e-15)
    weights = torch.rand(len(wanted), dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert means.mean().numpy() == pytest.approx(wanted.mean(axis=0), rel=1e-14)
    assert means.mean(weights).numpy() == pytest.approx(np.average(wanted, axis=0, weights=weights), rel=1e-14)


def test_what_is_looked_at_is_a_copy(drawn: tuple[ClassStatistics, np.ndarray]) -> None:
    means = ClassMeans(drawn[0])
    means[:].zero_()
    assert means[:].numpy() == pytest.approx(drawn[1], abs=1e-14)


def test_about_a_centre_what_lies_there_but_for_rounding_is_zero(drawn: tuple[ClassStatistics, np.ndarray]) -> None:
    stats, wanted = drawn
    centre = torch.from_numpy(wanted[1500])
    about = ClassMeans(stats).about(centre, 1e-13)
    assert not about[1500].any()
    assert about.numpy() == pytest.approx(wanted - wanted[1500], abs=1e-13)
    assert int((about == 0).all(dim=1).sum()) == 1


def test_short_means_are_zero_where_that_is_asked(drawn: tuple[ClassStatistics, np.ndarray]) -> None:
    means = ClassMeans(drawn[0], torch.tensor([10, 11]))
    assert means[:][0].any()
    without = means.without(1e-13)
    assert not without[:][0].any()
    assert without[:][1].equal(means[:][1])
    assert without.norms[0] == 0


def test_matrices_at_hand_are_rows_too() -> None:
    rows = torch.randn(CLASSES, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    assert [len(part) for part in parts_of(rows)] == [ROWS, ROWS, 3]
    assert norms_of(rows).numpy() == pytest.approx(np.linalg.norm(rows, axis=1), rel=1e-15)
    assert rounding_of(rows) == pytest.approx(1e-14 * np.linalg.norm(rows, axis=1).max())
    assert without_rounding(rows, 0.0) is rows, "nothing is copied where nothing is to be changed"
