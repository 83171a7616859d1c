"""What one pass gathers of one layer: statistics by group of rows, without the tokens at outlying positions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from nc_hf.model.forward_pass import TapBatch
from nc_hf.runtime.distributed import Process
from nc_hf.runtime.precision import float64_device
from nc_hf.statistics.class_statistics import ClassStatistics


@dataclass(frozen=True)
class TokenBatch:
    """N tokens of one forward pass, the same for every layer; every tensor is (N,).

    Attributes:
        labels: int64, the true next tokens.
        group: int64, which group of rows each is in.
        positions: int64, where each stands in what the model reads as one text.
    """

    labels: Tensor
    group: Tensor
    positions: Tensor

    def where(self, kept: Tensor) -> TokenBatch:
        """Return the tokens that ``kept`` (N,) marks."""
        return TokenBatch(self.labels[kept], self.group[kept], self.positions[kept])


class Layer:
    """Accumulates the features of one layer.

    A group holds only the classes that it saw, so ten groups take little more memory than the classes are often.

    Args:
        dim: width D of the features.
        device: of the features; the statistics live there too, or on the CPU where there is no float64.
        groups: groups of rows that are kept apart, for standard errors.
        covariance: keep the (D, D) moment.
        outliers: positions (int64) to keep out.

    Attributes:
        groups: the statistics of each group.
        outliers: int64, positions whose tokens are kept out of the groups.
        kept_out: the statistics of those tokens, as one class.
    """

    def __init__(
        self,
        dim: int,
        device: torch.device,
        *,
        groups: int = 1,
        covariance: bool = False,
        outliers: Tensor | None = None,
    ) -> None:
        """Start empty."""
        self.dim = dim
        self._device = float64_device(device)
        self.groups = [ClassStatistics(dim, self._device, covariance=covariance) for _ in range(groups)]
        self.outliers = torch.empty(0, dtype=torch.int64) if outliers is None else outliers
        self.kept_out = ClassStatistics(dim, self._device)
        self._whole: ClassStatistics | None = None

    def add(self, features: Tensor, tokens: TokenBatch) -> None:
        """Take in the features (N, D) of a batch, all finite, none of its labels negative."""
        self._whole = None
        if len(self.outliers):
            out = torch.isin(tokens.positions, self.outliers.to(tokens.positions.device))
            self.kept_out.update(features[out], torch.zeros_like(tokens.labels[out]))
            features, tokens = features[~out], tokens.where(~out)
        if not len(tokens.labels):
            return
        # A batch is of few groups, since rows of one are neighbours; of a single one it is taken without a copy.
        first, last = (0, 0) if len(self.groups) == 1 else map(int, tokens.group.aminmax())
        for number in range(first, last + 1):
            mine = slice(None) if first == last else tokens.group == number
            self.groups[number].update(features[mine], tokens.labels[mine], checked=True)

    def reduce(self, process: Process) -> None:
        """Add up all processes; every rank then holds the whole."""
        self._whole = None
        self.kept_out.reduce(process)
        for group in self.groups:
            group.reduce(process)
            if process.num_processes == 1:
                # Sorted by class, as after a restart: the order of the rows is the order in which they are summed.
                group.load_state_dict(group.state_dict())

    @property
    def statistics(self) -> ClassStatistics:
        """All groups added up."""
        if self._whole is None:
            if len(self.groups) == 1:
                return self.groups[0]
            self._whole = ClassStatistics.union(self.groups)
        return self._whole

    @property
    def outlier_share(self) -> float:
        """Share, in [0, 1], of the variance of all tokens that the outlying positions would have made."""
        if not self.kept_out.num_tokens:
            return 0.0
        stats, out = self.statistics, self.kept_out
        counts, means = stats.counts.double(), stats.means
        centre = counts @ means / counts.sum()
        within = float(stats.scatter.sum() + counts @ (means - centre).square().sum(dim=1))
        apart = float((out.means[0] - centre).square().sum())
        tokens, others = stats.num_tokens, out.num_tokens
        whole = within + float(out.scatter.sum()) + apart * tokens * others / (tokens + others)
        return 1 - within / whole if whole else 0.0

    def state_dict(self) -> dict[str, Tensor]:
        """Return the exact state of this process as tensors."""
        parts = {f"group/{number}": group.state_dict() for number, group in enumerate(self.groups)}
        parts |= {"kept_out": self.kept_out.state_dict(), "outliers": {"positions": self.outliers}}
        return {f"{part}/{name}": tensor for part, tensors in parts.items() for name, tensor in tensors.items()}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Replace the state by one that ``state_dict`` returned."""
        self._whole = None
        self.outliers = state["outliers/positions"].cpu()
        self.kept_out.load_state_dict(_below(state, "kept_out/"))
        for number, group in enumerate(self.groups):
            group.load_state_dict(_below(state, f"group/{number}/"))


def _below(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}


def positions_of(batch: TapBatch, positions: Tensor | None) -> Tensor:
    """(N,): the position of each token of a batch."""
    if positions is None:
        return batch.index % batch.sequence_length
    return positions.to(batch.index.device).flatten()[batch.index]
