"""What tests of ClassStatistics share: batches of tokens, statistics, and when two are the same."""

from __future__ import annotations

import torch
from hypothesis import strategies as st

from nc_hf import ClassStatistics

DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]
DIM = 5


def batch(
    seed: int, size: int, dtype: torch.dtype = torch.float64, classes: int = 9
) -> tuple[torch.Tensor, torch.Tensor]:
    """Features (size, DIM) off the origin and labels, some of which are -100."""
    generator = torch.Generator().manual_seed(seed)
    features = 3 + torch.randn(size, DIM, generator=generator, dtype=torch.float64)
    labels = torch.randint(-1, classes, (size,), generator=generator) * 7
    return features.to(dtype), torch.where(labels < 0, -100, labels)


def statistics(*batches: tuple[torch.Tensor, torch.Tensor], **options: bool) -> ClassStatistics:
    stats = ClassStatistics(DIM, **options)
    for features, labels in batches:
        stats.update(features, labels)
    return stats


def snapshot(stats: ClassStatistics) -> dict[str, torch.Tensor]:
    names = ("class_ids", "counts", "means", "scatter", "within_scatter")
    return {name: getattr(stats, name).clone() for name in names if getattr(stats, name) is not None}


def assert_same_bits(left: ClassStatistics, right: ClassStatistics) -> None:
    ours, theirs = snapshot(left), snapshot(right)
    assert ours.keys() == theirs.keys()
    for name in ours:
        assert torch.equal(ours[name], theirs[name]), name
    assert left.num_tokens == right.num_tokens


def assert_equal(left: ClassStatistics, right: ClassStatistics, tolerance: float = 1e-12) -> None:
    """The same classes and counts, and moments to rounding."""
    ours, theirs = snapshot(left), snapshot(right)
    assert ours.keys() == theirs.keys()
    for name in ours:
        assert ours[name].dtype == theirs[name].dtype
        torch.testing.assert_close(
            ours[name], theirs[name], rtol=tolerance, atol=tolerance, msg=lambda m, n=name: n + m
        )
    assert left.num_tokens == right.num_tokens


@st.composite
def splits(draw: st.DrawFn) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Up to six batches in one dtype, some of them empty, some labels negative."""
    dtype = draw(st.sampled_from(DTYPES))
    sizes = draw(st.lists(st.integers(0, 12), min_size=1, max_size=6))
    seed = draw(st.integers(0, 10**6))
    classes = draw(st.integers(1, 9))
    return [batch(seed + i, size, dtype, classes) for i, size in enumerate(sizes)]
