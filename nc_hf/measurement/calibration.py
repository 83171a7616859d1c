"""How far a model's confidence in its predictions is from how often they are right."""

from __future__ import annotations

import torch
from torch import Tensor

STEPS = 1000
"""Steps of confidence that are kept apart: fine enough that bins of equal mass can be made of them afterwards."""

BINS = 15


class Calibration:
    """Counts predictions by their confidence; sums of batches, processes and texts add up.

    Args:
        groups: of rows, kept apart for errors and halves of a text.

    Attributes:
        sums: (3, groups, STEPS) float64: tokens, summed confidence, and how many were right.
    """

    def __init__(self, groups: int = 1) -> None:
        """Start empty."""
        self.sums = torch.zeros(3, groups, STEPS, dtype=torch.float64)

    def add(self, group: Tensor, confidence: Tensor, correct: Tensor) -> None:
        """Count tokens.

        Args:
            group: (N,) int64.
            confidence: (N,) the probability of the predicted token.
            correct: (N,) bool, whether it came.
        """
        confidence = confidence.double().cpu()
        place = group.cpu() * STEPS + (confidence * STEPS).long().clamp(0, STEPS - 1)
        for sums, values in zip(self.sums, (torch.ones_like(confidence), confidence, correct), strict=True):
            sums.view(-1).index_add_(0, place, values.cpu().double())

    def error(self, groups: Tensor | None = None) -> float:
        """Compute the expected calibration error, from 0 to 1.

        The mean over tokens of |confidence - accuracy| of the token's bin: 15 bins of equal mass in the order of
        confidence, as near to that as steps of a thousandth allow (Guo et al., arXiv 1706.04599; bins of equal mass:
        Nguyen and O'Connor, arXiv 1508.05154).

        Args:
            groups: (G,) int64, those to take; None takes all.

        Returns:
            NaN where there is no token.
        """
        chosen = self.sums if groups is None else self.sums[:, groups]
        tokens, confidence, correct = chosen.sum(dim=1)
        middle = tokens.cumsum(0) - tokens / 2
        bins = (middle / tokens.sum() * BINS).long().clamp(0, BINS - 1)
        gaps = torch.zeros(BINS, dtype=torch.float64).index_add_(0, bins, confidence - correct)
        return float(gaps.abs().sum() / tokens.sum())
