"""What is looked at in every batch."""

from __future__ import annotations

import pytest
import torch

from nc_hf.errors import FeatureError
from nc_hf.measurement.checks import checked
from nc_hf.model.forward_pass import TapBatch


def batch(**features: torch.Tensor) -> TapBatch:
    labels = torch.tensor([3, 8, 5])
    return TapBatch(features, labels, torch.arange(3), None, None, None, None, 1, 4)


def test_the_highest_label_is_told() -> None:
    assert checked(batch(final=torch.ones(3, 2)), 0) == 8


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -float("inf")])
def test_the_layer_and_the_batch_of_what_is_not_finite_are_named(wrong: float) -> None:
    spoilt = torch.ones(3, 2)
    spoilt[1, 1] = wrong
    with pytest.raises(FeatureError, match=r"batch 7 has NaN or Inf in the layer\.1 features"):
        checked(batch(final=torch.ones(3, 2), **{"layer.1": spoilt}), 7)


def test_a_sum_that_overflows_is_no_trouble() -> None:
    large = torch.full((3, 2), torch.finfo(torch.float32).max)
    assert checked(batch(final=large), 0) == 8
