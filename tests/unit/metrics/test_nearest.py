"""The nearest centre of every token, against all distances written out, by each way of bounding them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nc_hf.metrics import nearest
from nc_hf.metrics.nearest import Centres

K, D, N = 700, 40, 300


def drawn(kind: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Centres (K, D), and tokens (N, D) around some of them."""
    rng = np.random.default_rng(3)
    centres = rng.normal(size=(K, D)) * np.exp(rng.normal(size=(K, 1)))
    if kind == "few dimensions":
        centres *= np.arange(1, D + 1) ** -1.5
    elif kind == "spikes":  # in which int8 takes large steps
        centres[np.arange(K), rng.integers(D, size=K)] += 500
    elif kind == "close by":
        centres = 1 + 1e-6 * centres
    tokens = centres[rng.integers(K, size=N)] + centres.std(axis=0) * rng.normal(size=(N, D))
    origin = centres.mean(axis=0)
    return torch.from_numpy(centres - origin), torch.from_numpy(tokens - origin)


def by_hand(centres: torch.Tensor, tokens: torch.Tensor) -> np.ndarray:
    return np.stack([((token - centres.numpy()) ** 2).sum(axis=1) for token in tokens.numpy()])


NOBODY = torch.full((N,), -1)


@pytest.fixture(params=["int8", "float32"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Of bounding distances; that of int8 needs a processor for its speed alone."""
    monkeypatch.setattr(nearest, "multiplies_int8", lambda device: request.param == "int8")
    monkeypatch.setattr(nearest, "_WORTH_IT", 1)
    monkeypatch.setattr(nearest, "_CHUNK_ELEMENTS", 50 * K)
    return request.param


@pytest.mark.parametrize("kind", ["round", "few dimensions", "spikes", "close by"])
def test_it_is_the_nearest_of_all(kind: str, way: str) -> None:
    centres, tokens = drawn(kind)
    places, tied = Centres(centres).nearest(tokens, NOBODY, torch.full((N,), torch.inf).double(), NOBODY)
    assert places.tolist() == by_hand(centres, tokens).argmin(axis=1).tolist()
    assert not bool(tied.any())


@pytest.mark.parametrize("kind", ["round", "few dimensions"])
def test_a_given_distance_stands_in_for_that_to_the_centre(kind: str, way: str) -> None:
    centres, tokens = drawn(kind)
    distances = by_hand(centres, tokens)
    own = torch.from_numpy(distances.argmin(axis=1)).where(torch.arange(N) % 3 > 0, -1)
    given = torch.from_numpy(np.random.default_rng(0).choice([0.5, 1.5, np.inf], N) * distances.min(axis=1))
    given = given.where(own >= 0, torch.inf)
    for row in range(N):
        if own[row] >= 0:
            distances[row, own[row]] = given[row]
    guess = torch.from_numpy(np.random.default_rng(1).integers(-1, K, N))
    places, tied = Centres(centres).nearest(tokens, own, given, guess)
    assert places.tolist() == distances.argmin(axis=1).tolist()
    assert not bool(tied.any())
    assert 0.15 < float((places == own).double().mean()) < 0.7, "or the given distances decide nothing, or everything"


def test_of_centres_in_one_place_the_first_is_taken_and_the_tie_told(way: str) -> None:
    centres, tokens = drawn("round")
    centres[600:] = centres[:100]
    centres[601] += 1e-16
    places, tied = Centres(centres).nearest(tokens, NOBODY, torch.full((N,), torch.inf).double(), NOBODY)
    assert places.tolist() == by_hand(centres, tokens)[:, :600].argmin(axis=1).tolist()
    assert tied.tolist() == (places < 100).tolist()
    assert 0 < int(tied.sum()) < N


def test_int8_leaves_few_to_be_looked_at(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    centres, tokens = drawn("few dimensions")
    looked_at: list[int] = []
    below = nearest._below
    monkeypatch.setattr(nearest, "_below", lambda *given: (found := below(*given), looked_at.append(len(found[0])))[0])
    Centres(centres).nearest(tokens, NOBODY, torch.full((N,), torch.inf).double(), NOBODY)
    assert N <= sum(looked_at) < 4 * N


@pytest.mark.parametrize("wrong", [True, False])
def test_where_int8_says_little_or_multiplies_wrongly_it_is_left(wrong: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nearest, "multiplies_int8", lambda device: True)
    monkeypatch.setattr(nearest, "_WORTH_IT", 1)
    if wrong:
        real = torch._int_mm
        monkeypatch.setattr(torch, "_int_mm", lambda a, b: real(a, b) + 1)
    centres, tokens = drawn("round" if wrong else "spikes")
    if not wrong:
        monkeypatch.setattr(nearest, "_MANY", 1e-5)
    search = Centres(centres)
    places, _ = search.nearest(tokens, NOBODY, torch.full((N,), torch.inf).double(), NOBODY)
    assert search._coarse is None
    assert places.tolist() == by_hand(centres, tokens).argmin(axis=1).tolist()


def test_few_centres_are_not_worth_int8() -> None:
    assert Centres(drawn("round")[0])._coarse is None


@pytest.mark.parametrize("classes", [1, 2])
def test_one_centre_is_the_nearest_even_without_a_distance(classes: int, way: str) -> None:
    centres, tokens = torch.zeros(classes, 3).double(), torch.ones(4, 3).double()
    own = torch.zeros(4, dtype=torch.int64)
    places, tied = Centres(centres).nearest(tokens, own, torch.full((4,), torch.inf).double(), own)
    assert places.tolist() == [classes - 1] * 4
    assert not bool(tied.any())


def test_tokens_nearer_to_the_origin_than_any_centre(way: str) -> None:
    """There the centres' own squares decide, and what rounding makes of them."""
    rng = np.random.default_rng(4)
    centres = rng.normal(size=(K, D))
    centres *= (1 + 1e-9 * rng.permutation(K)[:, None]) / np.linalg.norm(centres, axis=1, keepdims=True)
    tokens = np.repeat([0, 1e-10, 1e-4, 0.1], N // 4)[:, None] * rng.normal(size=(N, D))
    found, tied = Centres(torch.from_numpy(centres)).nearest(
        torch.from_numpy(tokens), NOBODY, torch.full((N,), torch.inf).double(), NOBODY
    )
    assert found.tolist() == by_hand(torch.from_numpy(centres), torch.from_numpy(tokens)).argmin(axis=1).tolist()
    assert not bool(tied.any())


@pytest.mark.parametrize("classes", [1, 9])
def test_a_token_and_a_centre_at_the_origin(classes: int, way: str) -> None:
    centres = torch.arange(classes).double().unsqueeze(1) * torch.ones(4)
    tokens, nobody = torch.zeros(3, 4).double(), torch.full((3,), -1)
    places, tied = Centres(centres).nearest(tokens, nobody, torch.full((3,), torch.inf).double(), nobody)
    assert places.tolist() == [0, 0, 0]
    assert not bool(tied.any())
