"""Which row of the state belongs to which class: rows in the order of first sight, classes looked up by bisection."""

from __future__ import annotations

import torch
from torch import Tensor


class ClassIndex:
    """The classes seen, ascending, and the row of each; a class keeps its row when others join.

    Attributes:
        ids: (C,) int64, ascending.
        rows: (C,) int64, the row of each class of ``ids``.

    >>> index = ClassIndex(torch.device("cpu"))
    >>> index.rows_of(torch.tensor([7, 3, 7])).tolist(), index.rows_of(torch.tensor([5, 7])).tolist()
    ([1, 0, 1], [2, 1])
    >>> index.ids.tolist(), index.rows.tolist()
    ([3, 5, 7], [0, 2, 1])
    """

    def __init__(self, device: torch.device) -> None:
        """Start with no class."""
        self.ids = torch.empty(0, dtype=torch.int64, device=device)
        self.rows = torch.empty(0, dtype=torch.int64, device=device)

    def __len__(self) -> int:
        """Count the classes."""
        return len(self.ids)

    def rows_of(self, labels: Tensor) -> Tensor:
        """Return the row of each label (N,); classes not seen before get the next free rows, ascending."""
        place = torch.searchsorted(self.ids, labels).clamp_(max=max(0, len(self) - 1))
        if len(self) == 0 or not torch.equal(self.ids[place], labels):
            self._admit(labels)
            place = torch.searchsorted(self.ids, labels)
        return self.rows[place]

    def by_row(self) -> Tensor:
        """(C,) int64: the class of each row."""
        classes = torch.empty_like(self.ids)
        classes[self.rows] = self.ids
        return classes

    def replace(self, ids: Tensor) -> None:
        """Hold these classes (C,), ascending, their rows in the same order."""
        self.ids = ids
        self.rows = torch.arange(len(ids), device=ids.device)

    def _admit(self, labels: Tensor) -> None:
        fresh = torch.unique(labels)
        fresh = fresh[~torch.isin(fresh, self.ids)]
        rows = torch.arange(len(self), len(self) + len(fresh), device=self.rows.device)
        self.ids, order = torch.cat([self.ids, fresh]).sort()
        self.rows = torch.cat([self.rows, rows])[order]
