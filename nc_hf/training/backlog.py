"""Batches of an evaluation that wait, where they are, to be taken in together.

What is gathered of a batch depends on how many labels it has and which classes are new, and so a GPU has to be waited
for; a batch by itself would have it wait each time. So the copies that a tap made wait until there are enough of them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from nc_hf.errors import NCError
from nc_hf.measurement.collection import Collection
from nc_hf.model.forward_pass import Observation, labelled
from nc_hf.model.tap import FeatureTap

MOST_POSITIONS, MOST_BYTES = 8_192, 64 << 20
"""Batches are taken in once they have so many positions, or so many bytes of features."""


@dataclass(frozen=True)
class _Waiting:
    """A batch, the place of each of its rows, (B,) int64, and its number in the evaluation."""

    batch: Observation
    rows: Tensor
    number: int


class Backlog:
    """Hands the batches of an evaluation on, several at a time.

    Args:
        collection: that gathers them.
        tap: that observed them; it is told what of them had labels.

    Attributes:
        collection: whole after ``flush``.
    """

    def __init__(self, collection: Collection, tap: FeatureTap) -> None:
        """Start empty."""
        self.collection = collection
        self._tap = tap
        self._waiting: list[_Waiting] = []
        self._positions = self._bytes = 0

    def add(self, batch: Observation, rows: Tensor, number: int) -> None:
        """Take a batch.

        Args:
            batch: as it was observed.
            rows: (B,) int64, the place of each row, on the device of the batch.
            number: names the batch in an error.

        Raises:
            NCError: as of `Collection.add`, for this batch or one that waited.
        """
        if self._waiting and _form(self._waiting[0].batch) != _form(batch):
            self.flush()
        met = bool(self.collection.layers)  # the first batch with labels shows if the head is what it should be
        self._waiting.append(_Waiting(replace(batch, sample=None) if met else batch, rows, number))
        self._positions += batch.targets.numel()
        self._bytes += sum(features.nbytes for features in batch.features.values())
        if not met or self._positions >= MOST_POSITIONS or self._bytes >= MOST_BYTES:
            self.flush()

    def flush(self) -> None:
        """Have all that waits gathered.

        Raises:
            NCError: as of `Collection.add`, for the first batch that deserves it.
        """
        waiting, self._waiting, self._positions, self._bytes = self._waiting, [], 0, 0
        if not waiting:
            return
        try:
            self._gather(waiting)
        except NCError:
            for each in waiting if len(waiting) > 1 else ():  # nothing of them was kept; one of them is to be named
                self._gather([each])
            raise

    def _gather(self, waiting: list[_Waiting]) -> None:
        batch = labelled([each.batch for each in waiting])
        self._tap.heard(batch)
        self.collection.add(batch, torch.cat([each.rows for each in waiting]), waiting[0].number)


def _form(batch: Observation) -> tuple[object, ...]:
    """What batches have to have in common to be taken in together."""
    kinds = [(name, features.dtype, features.device) for name, features in batch.features.items()]
    return (*kinds, batch.predictions is None)
