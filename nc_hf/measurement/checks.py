"""What is looked at in every batch before it is taken in."""

from __future__ import annotations

import torch

from nc_hf.errors import FeatureError
from nc_hf.errors.remedies import Remedy
from nc_hf.model.forward_pass import TapBatch
from nc_hf.statistics.batch import all_finite


def checked(batch: TapBatch, batch_number: int) -> int:
    """Refuse features that are not finite, and return the highest label: all is read off the device at once."""
    device = batch.labels.device
    # A sum is the cheap test; it may overflow where every element is finite, so it only calls for the full one.
    sums = [features.sum().isfinite().to(device, torch.int64) for features in batch.features.values()]
    *finite, highest = torch.stack([*sums, batch.labels.max()]).tolist()
    for (name, features), passed in zip(batch.features.items(), finite, strict=True):
        if not passed and not all_finite(features):
            raise FeatureError(
                f"batch {batch_number} has NaN or Inf in the {name} features, as of a diverged model", Remedy.FLOAT32
            )
    return int(highest)
