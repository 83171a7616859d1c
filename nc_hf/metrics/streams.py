"""What is known of a stream of values that is too long to be kept: moments, the largest ones, the median."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nc_hf.statistics.accumulation import grown


class Moments:
    """Count, mean and spread of a stream of values (Chan's merge, float64), which may be infinite or undefined."""

    def __init__(self) -> None:
        """Start with no value."""
        self.count = 0
        self.unbounded = 0
        """How many values are infinite or undefined."""
        self._limit = 0.0  # their sum: an infinity, or NaN where they do not agree
        self._mean, self._m2 = 0.0, 0.0  # of the finite ones

    def add(self, values: Tensor) -> None:
        """Take in a flat tensor of values."""
        self.count += values.numel()
        total = float(values.sum(dtype=torch.float64))
        if not math.isfinite(total):
            finite = values.isfinite()
            self._limit += float(values[~finite].sum())
            self.unbounded += values.numel() - int(finite.sum())
            values = values[finite]
            total = float(values.sum(dtype=torch.float64))
        if values.numel() == 0:
            return
        mean = total / values.numel()
        m2 = float((values - mean).square_().sum(dtype=torch.float64))
        before, after = self.count - self.unbounded - values.numel(), self.count - self.unbounded
        delta = mean - self._mean
        self._mean += delta * values.numel() / after
        self._m2 += m2 + delta * delta * before * values.numel() / after

    @property
    def mean(self) -> float:
        """Mean: infinite with an infinite value, NaN with an undefined one, infinities of both signs, or no value."""
        if self.count == 0:
            return math.nan
        return self._limit if self.unbounded else self._mean

    @property
    def std(self) -> float:
        """Population standard deviation (ddof 0): NaN with a value that is not finite, or without any."""
        return math.nan if self.unbounded or self.count == 0 else math.sqrt(self._m2 / self.count)


class Largest:
    """The sum of the few largest values of a stream that are positive.

    Args:
        size: how many.
    """

    def __init__(self, size: int) -> None:
        """Start with no value."""
        self._size = size
        self._kept: Tensor | None = None
        self._least = 0.0

    def add(self, values: Tensor) -> None:
        """Take in a flat tensor of values."""
        # Few parts of a long stream hold one of its largest values, so that hardly any is looked at twice.
        if values.numel() == 0 or float(values.amax()) <= self._least:
            return
        values = torch.topk(values, min(self._size, values.numel())).values.double()
        if self._kept is not None:
            values = torch.cat([self._kept, values])
        self._kept = torch.topk(values, min(self._size, values.numel())).values
        self._least = float(self._kept[-1]) if len(self._kept) == self._size else 0.0

    @property
    def sum(self) -> float:
        """Sum of the values kept."""
        return 0.0 if self._kept is None else float(self._kept.sum())


class Kept:
    """Values in one piece of memory that grows: many small pieces among the tiles' own would keep theirs from reuse.

    Attributes:
        values: (N,), all of them, in no order that anything may rest on.
    """

    def __init__(self) -> None:
        """Start with no value."""
        self.values = torch.empty(0)

    def add(self, values: Tensor) -> None:
        """Take in a flat tensor of values."""
        held = self.values.to(values.device, torch.promote_types(self.values.dtype, values.dtype))
        self.values = grown(held, len(held) + values.numel())
        self.values[len(held) :] = values


class Median:
    """The exact median of a stream of finite values, of which only those inside a bracket are kept.

    Values at either end of the bracket are counted and not kept, however many there are of one size.

    Args:
        bracket: two values between which the median lies, almost surely.
    """

    def __init__(self, bracket: tuple[float, float]) -> None:
        """Start with no value."""
        self._low, self._high = bracket
        self._count = self._below = self._at_low = self._at_high = 0
        self._inside = Kept()

    def add(self, values: Tensor) -> None:
        """Take in a flat tensor of values."""
        self._count += values.numel()
        low, high = values.new_tensor([self._low, self._high]).tolist()  # as its dtype has them
        # On a CPU NumPy compares and picks in a quarter of torch's time; both understand what is written here.
        stream: Any = values.numpy() if values.device.type == "cpu" else values
        from_low = stream >= low
        self._below += values.numel() - _count(from_low)
        inside = stream[from_low & (stream <= high)]
        self._at_low += _count(inside == low)
        if high > low:
            self._at_high += _count(inside == high)
            self._inside.add(torch.as_tensor(inside[(inside > low) & (inside < high)]))

    def value(self, above: int = 0) -> float | None:
        """Return the median, or None if it lies outside the bracket.

        Args:
            above: further values, each above all of the stream: with half of all or more, the median is infinite.
        """
        total = self._count + above
        if total == 0:
            return math.nan
        if total // 2 >= self._count:
            return math.inf
        inside = self._inside.values
        middle = [self._at(rank - self._below, inside) for rank in sorted({(total - 1) // 2, total // 2})]
        found = [value for value in middle if value is not None]
        return sum(found) / len(found) if len(found) == len(middle) else None

    def _at(self, place: int, inside: Tensor) -> float | None:
        """Return the value at a place counted from the lower end of the bracket."""
        if 0 <= place < self._at_low:
            return self._low
        place -= self._at_low
        if 0 <= place < len(inside):
            return _nth(inside, place)
        return self._high if 0 <= place - len(inside) < self._at_high else None


def _nth(values: Tensor, place: int) -> float:
    """Return the value at a place from the least on, and leave the values in another order."""
    if values.device.type != "cpu":
        return float(values.kthvalue(place + 1).values)
    found = values.numpy()
    found.partition(place)  # in place, where torch makes three copies
    return float(found[place])


def _count(marks: Any) -> int:
    """Count what is true in an array of NumPy or a tensor."""
    return int(np.count_nonzero(marks) if isinstance(marks, np.ndarray) else torch.count_nonzero(marks))
