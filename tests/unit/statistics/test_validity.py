"""What real features give is always believed: rounding never makes statistics look false."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nc_hf import ClassStatistics
from nc_hf.statistics.validity import fault_of


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 10_000),
    scale=st.sampled_from([1e-30, 1e-8, 1.0, 1e8, 1e30]),
    offset=st.sampled_from([0.0, 1.0, 1e6]),
    spread=st.sampled_from([0.0, 1e-12, 1.0]),
    dtype=st.sampled_from([torch.float32, torch.float64, torch.bfloat16]),
)
def test_statistics_of_features_are_never_at_fault(
    seed: int, scale: float, offset: float, spread: float, dtype: torch.dtype
) -> None:
    torch.manual_seed(seed)
    parts = []
    for _ in range(3):
        stats = ClassStatistics(5, covariance=bool(seed % 2))
        centres = torch.randn(9, 5, dtype=torch.float64) + offset
        labels = torch.randint(0, 9, (40,))
        stats.update((scale * (centres[labels] + spread * torch.randn(40, 5))).to(dtype), labels)
        parts.append(stats)
    whole = parts[0].merge(parts[1]).merge(parts[2])
    assert fault_of(whole.state_dict()) is None
    assert fault_of(ClassStatistics(5).state_dict()) is None
