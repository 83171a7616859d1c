"""A batch of tokens as statistics take it in: looked at before anything is added, so that a bad one changes nothing."""

from __future__ import annotations

import torch
from torch import Tensor

from nc_hf.errors import FeatureError, InputError, LabelError


def checked_batch(
    features: Tensor, labels: Tensor, dim: int, device: torch.device, *, known: bool = False
) -> tuple[Tensor, Tensor]:
    """Return features (M, D) and int64 labels (M,) on the device, without the tokens whose label is negative.

    Args:
        features: (N, D).
        labels: (N,).
        dim: the width D that is expected.
        device: of the statistics.
        known: all features are known to be finite and no label to be negative.

    Raises:
        InputError: the features are not (N, D) floats.
        LabelError: the labels are not N integers.
        FeatureError: a feature is NaN or Inf.
    """
    if features.ndim != 2 or features.shape[1] != dim or not features.is_floating_point():
        raise InputError(
            f"features are {features.dtype} of shape {tuple(features.shape)}: pass floats of shape (N, {dim})."
        )
    if labels.ndim != 1 or len(labels) != len(features) or labels.is_floating_point() or labels.dtype == torch.bool:
        raise LabelError(
            f"labels are {labels.dtype} of shape {tuple(labels.shape)}: pass {len(features)} integers, one a token."
        )
    features = features.detach().to(device)
    labels = labels.to(device, torch.int64)
    if known:
        return features, labels
    if bool((labels < 0).any()):
        features, labels = features[labels >= 0], labels[labels >= 0]
    if not all_finite(features):
        raise FeatureError("the features hold NaN or Inf: look for a diverged model or a half-precision overflow.")
    return features, labels


def all_finite(features: Tensor) -> bool:
    """Whether there is no NaN or Inf among the features."""
    # A sum is the cheap test; it may overflow where every element is finite, so it only calls for the full one.
    return bool(torch.isfinite(features.sum()) or torch.isfinite(features).all())
