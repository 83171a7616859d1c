"""The sweep over all pairs of means."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from nc_hf.metrics.pairwise import TILE, VariabilityKernel, sweep


@pytest.mark.parametrize("classes", [5, TILE + 20])
def test_a_pair_without_scatter_has_a_log_of_minus_infinity(classes: int) -> None:
    rng = np.random.default_rng(3)
    means, variance = (torch.from_numpy(rng.normal(size=shape)) for shape in ((classes, 6), classes))
    variance = variance.square()
    variance[:2] = 0.0
    kernel = VariabilityKernel(variance, torch.zeros_like(variance), 1, bracket=(0.0, math.inf))
    sweep(means, [kernel])
    assert kernel.log_mean == -math.inf
    assert 0 < kernel.values.mean < math.inf
    assert 0 < kernel.median() < math.inf
