"""How well a model predicts: loss, accuracy and calibration, added up by groups of rows."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from nc_hf.measurement.calibration import Calibration
from nc_hf.model.forward_pass import TapBatch
from nc_hf.runtime.distributed import Process, sum_over_processes
from nc_hf.runtime.precision import float64_device


class Outcomes:
    """Sums over the labelled positions of some text.

    Args:
        groups: of rows, kept apart.
        calibration: count predictions by their confidence too.

    Attributes:
        sums: (3, groups) float64: labelled positions, their summed loss in nats, and how many the argmax of the logits
            gets right; what a pass gave no logits for counts as nothing.
        calibration: predictions by their confidence; None if it was not asked for.
    """

    def __init__(self, groups: int, *, calibration: bool) -> None:
        """Start empty."""
        self.sums = torch.zeros(3, groups, dtype=torch.float64)
        self.calibration = Calibration(groups) if calibration else None

    def add(self, batch: TapBatch, group: Tensor) -> None:
        """Take in a batch.

        Args:
            batch: as the tap gives it.
            group: (N,) int64, of each of its tokens.
        """
        self.sums = self.sums.to(float64_device(batch.labels.device))  # until they are reduced
        right = None if batch.predictions is None else batch.predictions == batch.labels
        at = group.to(self.sums.device)
        for sums, values in zip(self.sums, (torch.ones_like(batch.labels), batch.nll, right), strict=True):
            if values is not None:
                sums.index_add_(0, at, values.to(sums.device, torch.float64))
        if self.calibration is not None and right is not None and batch.confidence is not None:
            self.calibration.add(group, batch.confidence, right)

    def reduce(self, process: Process, *, contributes: bool) -> None:
        """Add up all processes; one that does not contribute counts as nothing."""
        own = [self.sums] if self.calibration is None else [self.sums, self.calibration.sums]
        whole = []
        for sums in own:
            mine = sums.flatten().tolist() if contributes else [0.0] * sums.numel()
            whole.append(torch.tensor(sum_over_processes(mine, process), dtype=torch.float64).view(sums.shape))
        self.sums = whole[0]
        if self.calibration is not None:
            self.calibration.sums = whole[1]

    def state_dict(self) -> dict[str, Tensor]:
        """Return the sums as tensors."""
        return {"outcomes": self.sums} | ({} if self.calibration is None else {"calibration": self.calibration.sums})

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Replace the sums by those that ``state_dict`` returned."""
        self.sums = state["outcomes"]
        if self.calibration is not None:
            self.calibration.sums = state["calibration"]


def perplexity(loss: float) -> float:
    """exp(loss), infinite where that overflows.

    >>> perplexity(0.0)
    1.0
    """
    return math.exp(loss) if loss < 700 else math.inf
