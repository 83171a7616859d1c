"""What is kept of a stream is what the whole would give, in whatever parts it comes."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from nc_hf.metrics.streams import Kept, Largest, Median, Moments

INF, NAN = math.inf, math.nan


def lognormal(size: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).lognormal(size=size))


def test_moments_of_a_stream_are_those_of_the_whole() -> None:
    values = lognormal(500) + 1e6
    stream = Moments()
    assert math.isnan(stream.mean)
    assert math.isnan(stream.std)
    for part in torch.split(values, [1, 0, 99, 400]):
        stream.add(part)
    assert stream.count == 500
    assert stream.mean == pytest.approx(float(values.mean()), rel=1e-15)
    assert stream.std == pytest.approx(float(values.std(correction=0)), rel=1e-9)


@pytest.mark.parametrize(
    ("strange", "mean"),
    [([INF], INF), ([-INF, -INF], -INF), ([INF, -INF], NAN), ([NAN], NAN), ([NAN, INF], NAN)],
)
@pytest.mark.parametrize("parts", [[200], [1] * 200, [100, 100]], ids=["one", "single", "two"])
def test_moments_around_what_is_not_finite(strange: list[float], mean: float, parts: list[int]) -> None:
    values = lognormal(200)
    values[torch.arange(len(strange)) * 130 + 7] = torch.tensor(strange, dtype=torch.float64)
    stream = Moments()
    for part in torch.split(values, parts):
        stream.add(part)
    assert (stream.count, stream.unbounded) == (200, len(strange))
    assert stream.mean == pytest.approx(mean, nan_ok=True)
    assert math.isnan(stream.std)


@pytest.mark.parametrize("parts", [[3, 7, 0, 190, 300], [500], [1] * 500], ids=["some", "one", "single"])
@pytest.mark.parametrize("size", [1, 10, 499, 600])
def test_the_largest_are_those_of_the_whole(size: int, parts: list[int]) -> None:
    values = lognormal(500)
    stream = Largest(size)
    assert stream.sum == 0
    for part in torch.split(values, parts):
        stream.add(part)
    assert stream.sum == pytest.approx(sum(sorted(values.tolist())[-size:]), rel=1e-14)


def test_hardly_any_part_is_looked_at_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []
    real = torch.topk
    monkeypatch.setattr(torch, "topk", lambda values, k: (looked.append(len(values)), real(values, k))[1])
    stream = Largest(10)
    for seed in range(200):
        stream.add(lognormal(1000, seed))
    assert sum(length == 1000 for length in looked) < 60


@pytest.mark.parametrize("size", [1, 2, 9, 500])
@pytest.mark.parametrize("above", [0, 1, 8, 499, 500, 3000])
def test_a_median_ranks_what_is_above_all_last(size: int, above: int) -> None:
    values = lognormal(size)
    stream = Median((-INF, INF))
    for part in torch.split(values, 7):
        stream.add(part)
    expected = float(np.median(values.tolist() + [INF] * above))
    assert stream.value(above) == pytest.approx(expected, rel=1e-15)


def test_a_median_outside_its_bracket_is_none_and_of_nothing_nan() -> None:
    values = lognormal(400)
    median = float(np.median(values))
    for bracket, expected in {
        (0.0, median / 2): None,
        (median * 2, INF): None,
        (median * 0.9, median * 1.1): pytest.approx(median, rel=1e-15),
    }.items():
        stream = Median(bracket)
        stream.add(values)
        assert stream.value() == expected
        assert stream.value(above=400) == INF, "wherever the others lie"
    assert math.isnan(Median((-INF, INF)).value() or 0.0)


def test_of_values_at_the_ends_of_a_bracket_only_the_number_is_kept() -> None:
    """A text without scatter has one CDNV, 0, in all of a billion pairs."""
    values = torch.tensor([0.0] * 60 + [0.5] * 3 + [1.0] * 60)
    for bracket in ((0.0, 0.0), (0.0, 1.0), (0.0, 0.5), (0.5, 1.0), (1.0, 1.0)):
        for above in range(0, 120, 7):
            stream = Median(bracket)
            stream.add(values)
            assert len(stream._inside.values) <= 3
            expected = float(np.median(values.tolist() + [INF] * above))
            reachable = bracket[0] <= expected <= bracket[1] or expected == INF
            if bracket[0] < bracket[1] or (expected in bracket and expected != 0.25):
                assert stream.value(above) == (expected if reachable else None), (bracket, above)


@pytest.mark.parametrize("dtypes", [["float32"], ["float64"], ["float32", "float64", "float32"]], ids=str)
def test_values_are_kept_as_they_came_in_the_widest_of_their_dtypes(dtypes: list[str]) -> None:
    parts = [lognormal(size, size).to(getattr(torch, dtype)) for size in (5, 0, 300, 7, 4000) for dtype in dtypes]
    kept = Kept()
    assert kept.values.numel() == 0
    for part in parts:
        kept.add(part)
    assert kept.values.equal(torch.cat(parts))
