"""The sweep over all pairs of means, against loops over pairs, with tiles so small that there are many."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nc_hf.metrics import pairwise
from nc_hf.metrics.pairwise import Tile, sweep
from tests.reference.pairs import drawn_means, pairs

SIZES = [2, 6, 7, 8, 15, 29]


class Collected:
    """Keeps each pair that is shown to it with its squared distance."""

    def __init__(self) -> None:
        self.pairs: list[tuple[int, int]] = []
        self.distances: list[float] = []
        self.counted = 0

    def add(self, tile: Tile) -> None:
        rows, columns = (
            torch.arange(tile.rows.start, tile.rows.stop),
            torch.arange(tile.columns.start, tile.columns.stop),
        )
        i, j = torch.meshgrid(rows, columns, indexing="ij")
        self.pairs += zip(tile.select(i).tolist(), tile.select(j).tolist(), strict=True)
        self.distances += tile.select(tile.distances).tolist()
        self.counted += tile.num_pairs()


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize("classes", SIZES)
def test_every_pair_is_shown_once_to_every_kernel(classes: int) -> None:
    rows, kernels = drawn_means(classes), [Collected(), Collected()]
    sweep(rows, kernels)
    expected = {(i, j): float(((rows[i] - rows[j]) ** 2).sum()) for i, j in pairs(classes)}
    for kernel in kernels:
        assert sorted(kernel.pairs) == pairs(classes)
        assert kernel.counted == len(expected)
        found = dict(zip(kernel.pairs, kernel.distances, strict=True))
        assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize("apart", [1e-3, 1e-6, 1e-9, 0.0])
def test_near_means_keep_their_digits(apart: float) -> None:
    """From |a|^2 + |b|^2 - 2 a.b a distance of 1e-6 would come out with no digit at all; within and between tiles."""
    rows = drawn_means(20) + 3.0
    rows[3] = rows[5] + apart  # in one tile
    rows[2] = rows[18] + apart  # in two
    kernel = Collected()
    sweep(rows, [kernel])
    found = dict(zip(kernel.pairs, kernel.distances, strict=True))
    for i, j in ((3, 5), (2, 18)):
        assert found[i, j] == pytest.approx(float(((rows[i] - rows[j]) ** 2).sum()), rel=1e-12)
    assert min(kernel.distances) >= 0


@pytest.mark.usefixtures("small_tiles")
def test_near_means_may_be_so_many_that_they_are_recomputed_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairwise, "_RECOMPUTE_ROWS", 3)
    rows = 1.0 + 1e-7 * drawn_means(18)
    kernel = Collected()
    sweep(rows, [kernel])
    for (i, j), distance in zip(kernel.pairs, kernel.distances, strict=True):
        assert distance == pytest.approx(float(((rows[i] - rows[j]) ** 2).sum()), rel=1e-9)


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize("apart", [1e-6, 1e-12, 0.0])
def test_differences_are_of_the_means_before_they_were_centred(apart: float) -> None:
    """Centring rounds: of two means 1e-12 apart it leaves four digits of the difference."""
    means = torch.from_numpy(np.round(np.random.default_rng(0).normal(size=(20, 5)) * 64) / 64)
    step = 2.0 ** round(np.log2(apart)) if apart else 0.0
    means[3] = means[5] + step
    means[2] = means[18] + step
    kernel = Collected()
    sweep(means - means.mean(dim=0), [kernel], means=means)
    found = dict(zip(kernel.pairs, kernel.distances, strict=True))
    assert [found[3, 5], found[2, 18]] == [5 * step**2, 5 * step**2]


@pytest.mark.usefixtures("small_tiles")
def test_means_that_differ_by_rounding_coincide() -> None:
    rows = drawn_means(20)
    rows[3], rows[2] = rows[5] + 1e-15, rows[18] + 4e-15
    kernel = Collected()
    sweep(rows, [kernel], rounding=5e-15)
    found = dict(zip(kernel.pairs, kernel.distances, strict=True))
    assert found[3, 5] == 0
    assert found[2, 18] > 0
