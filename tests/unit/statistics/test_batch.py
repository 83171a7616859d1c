"""What a batch has to be, and what is left of it; how statistics refuse one is in test_class_statistics."""

from __future__ import annotations

import math

import pytest
import torch

from nc_hf.errors import FeatureError
from nc_hf.statistics.batch import all_finite, checked_batch

CPU = torch.device("cpu")


def test_tokens_without_a_label_are_left_out_before_features_are_looked_at() -> None:
    features = torch.tensor([[1.0, 2.0], [math.nan, 0.0], [3.0, 4.0]], requires_grad=True)
    kept, labels = checked_batch(features, torch.tensor([5, -100, 0], dtype=torch.int32), 2, CPU)
    assert kept.tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert not kept.requires_grad
    assert (labels.tolist(), labels.dtype) == ([5, 0], torch.int64)
    with pytest.raises(FeatureError, match="NaN or Inf"):
        checked_batch(features, torch.tensor([5, 1, 0]), 2, CPU)


def test_what_is_known_to_be_sound_is_not_looked_at() -> None:
    features, labels = torch.tensor([[math.inf]]), torch.tensor([-1])
    kept, same = checked_batch(features, labels, 1, CPU, known=True)
    assert kept.tolist() == [[math.inf]]
    assert same.tolist() == [-1]


@pytest.mark.parametrize("strange", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_not_finite_are_found_and_a_sum_that_overflows_is_none(strange: float) -> None:
    large = torch.full((4, 3), 3e38)
    assert math.isinf(float(large.sum()))
    assert all_finite(large)
    large[2, 1] = strange
    assert not all_finite(large)
