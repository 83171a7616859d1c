"""A line of the table of limits, and the statistics that several parts draw."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from nc_hf import ClassStatistics


@dataclass(frozen=True)
class Line:
    """One measured ratio.

    Attributes:
        work: what was measured.
        limit: what it is held against.
        measured: over the limit, or in the unit.
        target: what it is to stay below; None where there is none.
        unit: of both numbers.
        note: what else was seen.
    """

    work: str
    limit: str
    measured: float
    target: float | None = None
    unit: str = "x"
    note: str = ""

    @property
    def verdict(self) -> str:
        """Whether the target was met."""
        if self.target is None:
            return ""
        return "met" if self.measured <= self.target else "missed"

    def row(self, judged: bool = True) -> str:
        """Write it as a row of a table in Markdown, with or without a verdict."""
        target = "" if self.target is None else f"{self.target:g} {self.unit}"
        cells = (
            self.work,
            self.limit,
            f"{self.measured:.2f} {self.unit}",
            target,
            self.verdict if judged else "",
            self.note,
        )
        return f"| {' | '.join(cells)} |"


HEADER = "| work | limit | measured | target | | |\n|---|---|--:|--:|---|---|"


@dataclass(frozen=True)
class Settings:
    """How large the work is, and where it runs.

    Attributes:
        small: everything small, to see that it runs.
        device: of the statistics.
        reference: a clone of the authors' library.
    """

    small: bool = False
    device: str = "cpu"
    reference: Path | None = None

    def size(self, whole: int, small: int) -> int:
        """Choose between two sizes."""
        return small if self.small else whole

    def sizes(self, whole: tuple[int, ...], small: tuple[int, ...]) -> tuple[int, ...]:
        """Choose between two rows of sizes."""
        return small if self.small else whole

    def timed(self, work: Callable[[], object]) -> Callable[[], object]:
        """Let a clock wait for the device."""
        if self.device == "cpu":
            return work
        return lambda: (work(), torch.cuda.synchronize())


def batches(classes: int, dim: int, most: int, seed: int, device: str = "cpu") -> Iterator[tuple[Tensor, Tensor]]:
    """Yield batches of features of classes as frequent as words, ten tokens each at the least, in any order.

    A few dimensions hold most of the variance, as those of language models do.
    """
    generator = torch.Generator().manual_seed(seed)
    spread = torch.arange(1, dim + 1) ** -0.5 * math.sqrt(dim) / 4
    length = torch.exp(0.3 * torch.randn(classes, 1, generator=generator))
    centres = torch.randn(classes, dim, generator=generator) * length * spread
    counts = (10 + most / torch.arange(1, classes + 1)).long()
    labels = torch.repeat_interleave(torch.arange(classes), counts)
    labels = labels[torch.randperm(len(labels), generator=generator)]
    for part in torch.split(labels, 4096):
        features = centres[part] + spread * torch.randn(len(part), dim, generator=generator)
        yield features.to(device), part.to(device)


def drawn_groups(classes: int, dim: int, most: int, groups: int, seed: int = 0) -> list[ClassStatistics]:
    """Return statistics of groups of one text."""
    parts = [ClassStatistics(dim) for _ in range(groups)]
    for number, (features, labels) in enumerate(batches(classes, dim, most, seed)):
        parts[number % groups].update(features, labels)
    return parts


def drawn_statistics(classes: int, dim: int, most: int = 4000, device: str = "cpu") -> ClassStatistics:
    """Return statistics of one text."""
    stats = ClassStatistics(dim, device)
    for features, labels in batches(classes, dim, most, 0, device):
        stats.update(features, labels)
    return stats
