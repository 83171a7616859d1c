"""Both loops that add tokens to their classes, in torch and compiled by numba, add what NumPy adds."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from nc_hf import ClassStatistics
from nc_hf.statistics import accumulation

DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]


@pytest.fixture(params=["torch", "numba"])
def loop(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of the loop in use."""
    if request.param == "torch":
        monkeypatch.setattr(accumulation, "fused_loop", lambda: None)
    else:
        pytest.importorskip("numba")
        assert accumulation.fused_loop() is not None
    return str(request.param)


def tokens(size: int, dim: int, dtype: torch.dtype, offset: float = 0.0) -> tuple[torch.Tensor, torch.Tensor]:
    """Features (size, dim) and labels, most of them of a few classes."""
    generator = torch.Generator().manual_seed(size * dim)
    features = offset + torch.randn(size, dim, generator=generator, dtype=torch.float64)
    weights = 1 / torch.arange(1.0, 40)
    return features.to(dtype), torch.multinomial(weights, size, replacement=True, generator=generator)


def test_a_loop_is_compiled_for_many_tokens_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(accumulation, "fused_loop", lambda: asked.append(1))
    features, labels = tokens(20, 5, torch.float32)
    stats = ClassStatistics(5)
    with accumulation.expecting(accumulation.COMPILED_FROM - 1):
        stats.update(features, labels)
        assert not asked
        with accumulation.expecting(accumulation.COMPILED_FROM):
            stats.update(features, labels)
        assert len(asked) == 1
        stats.update(features, labels)
        assert len(asked) == 1
    stats.update(features, labels)  # nobody knows how many will come
    assert len(asked) == 2


def assert_moments(stats: ClassStatistics, features: torch.Tensor, labels: torch.Tensor) -> None:
    """Means and scatter are those of the two-pass formula."""
    h, y = features.double().numpy(), labels.numpy()
    means = np.array([h[y == c].mean(axis=0) for c in np.unique(y)])
    scatter = [((h[y == c] - mean) ** 2).sum() for c, mean in zip(np.unique(y), means, strict=True)]
    np.testing.assert_allclose(stats.means.numpy(), means, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(stats.scatter.numpy(), scatter, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(("size", "dim"), [(1, 1), (500, 1), (700, 37), (1200, 768)])
def test_moments_are_those_of_two_passes(loop: str, size: int, dim: int, dtype: torch.dtype) -> None:
    features, labels = tokens(size, dim, dtype)
    stats = ClassStatistics(dim)
    for rows in torch.arange(size).tensor_split(3):
        stats.update(features[rows], labels[rows])
    assert_moments(stats, features, labels)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_an_offset_costs_no_digits(loop: str, dtype: torch.dtype) -> None:
    features, labels = tokens(900, 50, dtype, offset=1000 / 50**0.5)
    stats = ClassStatistics(50)
    stats.update(features, labels)
    assert_moments(stats, features, labels)


def test_features_may_lie_in_memory_in_any_way(loop: str) -> None:
    features, labels = tokens(300, 24, torch.float32)
    stats = ClassStatistics(12)
    stats.update(features.T.contiguous().T[:, ::2], labels)
    assert_moments(stats, features[:, ::2], labels)


def test_tensors_of_inference_mode_and_with_gradients_count_too(loop: str) -> None:
    features, labels = tokens(100, 8, torch.float32)
    stats = ClassStatistics(8)
    with torch.inference_mode():
        stats.update(features[:50] * 1, labels[:50])
    stats.update(features[50:].requires_grad_(), labels[50:])
    assert_moments(stats, features.detach(), labels)


def test_several_threads_may_count_at_once(loop: str) -> None:
    """As the page does, each with statistics of its own."""
    batches = [tokens(400 + n, 16, torch.float32) for n in range(8)]

    def count(batch: tuple[torch.Tensor, torch.Tensor]) -> ClassStatistics:
        stats = ClassStatistics(16)
        stats.update(*batch)
        return stats

    with ThreadPoolExecutor(4) as pool:
        for stats, batch in zip(pool.map(count, batches), batches, strict=True):
            assert_moments(stats, *batch)


def test_the_second_moment_is_kept_along(loop: str) -> None:
    features, labels = tokens(600, 20, torch.float32)
    both, one = ClassStatistics(20, covariance=True), ClassStatistics(20)
    for stats in (both, one):
        stats.update(features, labels)
    torch.testing.assert_close(both.scatter, one.scatter, rtol=1e-12, atol=1e-12)
    assert both.within_scatter is not None
    assert both.within_scatter.trace().item() == pytest.approx(one.scatter.sum().item(), rel=1e-12)


def test_without_numba_torch_does_it() -> None:
    """The extra is one: a Python that cannot import numba counts all the same."""
    script = (
        "import sys; sys.modules['numba'] = None\n"
        "import torch; from nc_hf import ClassStatistics; from nc_hf.statistics import accumulation\n"
        "stats = ClassStatistics(1); stats.update(torch.tensor([[1.0], [3.0]]), torch.tensor([4, 4]))\n"
        "print(accumulation.fused_loop(), stats.means.item(), stats.scatter.item())"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["None", "2.0", "2.0"]


def test_where_numba_is_not_torch_adds(monkeypatch: pytest.MonkeyPatch) -> None:
    features, labels = tokens(60, 5, torch.float32)
    expected = ClassStatistics(5)
    expected.update(features, labels)
    accumulation.fused_loop.cache_clear()
    monkeypatch.setitem(sys.modules, "numba", None)  # as if it were not installed
    try:
        assert accumulation.fused_loop() is None
        stats = ClassStatistics(5)
        stats.update(features, labels)
    finally:
        accumulation.fused_loop.cache_clear()
    assert torch.equal(stats.counts, expected.counts)
    torch.testing.assert_close(stats.means, expected.means, rtol=1e-13, atol=1e-14)


def test_the_loop_before_it_is_compiled_adds_the_same() -> None:
    """What numba compiles is Python, and its sums are those of NumPy, from any pivot."""
    pytest.importorskip("numba")
    features, labels = (tensor.numpy() for tensor in tokens(50, 3, torch.float64))
    pivot, sums, squares = np.array([1.0, -2.0, 0.5]), np.ones((40, 3)), np.full(40, 2.0)
    plain = accumulation.fused_loop().py_func
    plain(features, labels, pivot, sums, squares)
    for label in range(40):
        shifted = features[labels == label] - pivot
        np.testing.assert_allclose(sums[label], 1 + shifted.sum(axis=0), rtol=1e-13)
        np.testing.assert_allclose(squares[label], 2 + (shifted**2).sum(), rtol=1e-13)


@pytest.mark.parametrize("covariance", [False, True])
def test_the_compiled_loop_is_used_where_it_can_be(covariance: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the CPU, where no second moment is asked for; its results are those of torch, so only the calls tell."""
    calls = []
    monkeypatch.setattr(accumulation, "fused_loop", lambda: lambda *arrays: calls.append(len(arrays)))
    ClassStatistics(3, covariance=covariance).update(*tokens(20, 3, torch.float32))
    assert bool(calls) is not covariance
