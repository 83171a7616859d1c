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


@pytest.mark.usefixtures("single_tiles")
@pytest.mark.parametrize("classes", SIZES)
def test_in_float32_every_pair_is_shown_once_and_to_six_digits(classes: int) -> None:
    rows, kernel = drawn_means(classes), Collected()
    sweep(rows, [kernel])
    assert sorted(kernel.pairs) == pairs(classes)
    for (i, j), distance in zip(kernel.pairs, kernel.distances, strict=True):
        scale = float((rows[i] ** 2).sum() + (rows[j] ** 2).sum())
        assert abs(distance - float(((rows[i] - rows[j]) ** 2).sum())) < 1e-6 * scale


@pytest.mark.usefixtures("single_tiles")
def test_in_float32_near_means_are_recomputed_from_the_means_themselves() -> None:
    means = drawn_means(200, 40) + 3.0
    means[3], means[2] = means[5] + 1e-3, means[150] + 1e-3  # in one tile, and in two
    kernel = Collected()
    sweep(means - means.mean(dim=0), [kernel], means=means)
    found = dict(zip(kernel.pairs, kernel.distances, strict=True))
    assert [found[3, 5], found[2, 150]] == pytest.approx([40e-6, 40e-6], rel=1e-7)  # the rounding of float32


class Dtypes:
    """Remembers the dtype of each tile."""

    def __init__(self) -> None:
        self.seen: dict[tuple[int, int], torch.dtype] = {}

    def add(self, tile: Tile) -> None:
        self.seen[tile.rows.start, tile.columns.start] = tile.distances.dtype


@pytest.mark.usefixtures("single_tiles")
@pytest.mark.parametrize(
    ("near", "apart", "dtype"),
    [(1, 1e-3, torch.float32), (1, 1e-7, torch.float64), (1, 0.0, torch.float64), (5, 1e-3, torch.float64)],
    ids=["near", "too near", "coincident", "crowded"],
)
def test_a_tile_that_float32_does_not_bear_is_taken_in_float64(
    near: int, apart: float, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pairwise, "_CROWDED", 2 / 49)
    rows, kernel, collected = drawn_means(21, 40), Dtypes(), Collected()
    rows[7 : 7 + near] = rows[:near] + apart
    sweep(rows, [kernel, collected])
    assert kernel.seen.pop((0, 7)) == dtype
    assert set(kernel.seen.values()) == {torch.float32}
    found = dict(zip(collected.pairs, collected.distances, strict=True))
    for i in range(near):
        assert found[i, i + 7] == pytest.approx(float(((rows[i] - rows[i + 7]) ** 2).sum()), rel=1e-6)


@pytest.mark.usefixtures("single_tiles")
@pytest.mark.parametrize("scale", [1e-5, 1e9])
def test_features_beyond_the_range_of_float32_are_swept_in_float64(scale: float) -> None:
    kernel = Dtypes()
    sweep(scale * drawn_means(21), [kernel])
    assert set(kernel.seen.values()) == {torch.float64}


def test_few_classes_are_swept_in_float64_and_many_in_float32() -> None:
    for classes, dtype in ((pairwise.SINGLE_FROM - 1, torch.float64), (pairwise.SINGLE_FROM, torch.float32)):
        kernel = Dtypes()
        sweep(drawn_means(classes), [kernel])
        assert set(kernel.seen.values()) == {dtype}
