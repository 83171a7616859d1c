"""Which moments of a training are kept and measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nc_hf.errors import StudyError


@dataclass(frozen=True, order=True)
class State:
    """A moment of a training.

    Attributes:
        step: optimizer steps done; 0 before the first.
        steps_an_epoch: of this training.
    """

    step: int
    steps_an_epoch: int

    @property
    def saved_epoch(self) -> int | float:
        """Epochs done less one, as the published ids count: -1 before the first step; a fraction within an epoch.

        >>> State(0, 10).saved_epoch, State(20, 10).saved_epoch, State(5, 10).saved_epoch
        (-1, 1, -0.5)
        """
        whole, rest = divmod(self.step, self.steps_an_epoch)
        return whole - 1 if not rest else self.step / self.steps_an_epoch - 1

    @property
    def name(self) -> str:
        """Name of the state in a path."""
        return f"{self.step:07d}"


def chosen_epochs(rule: str | Mapping[int, Sequence[int]], epochs: int) -> tuple[int, ...]:
    """Return the states after whole epochs that a rule keeps, in order, as epochs completed less one.

    >>> chosen_epochs("all", 3), chosen_epochs("last", 3), chosen_epochs({10: [9, 5]}, 10), chosen_epochs({10: [9]}, 3)
    ((0, 1, 2), (2,), (5, 9), (2,))

    Raises:
        StudyError: a training of this length has no such state.
    """
    if isinstance(rule, Mapping):
        kept = tuple(rule.get(epochs, (epochs - 1,)))
    elif rule in ("all", "last"):
        kept = tuple(range(epochs)) if rule == "all" else (epochs - 1,)
    else:
        raise StudyError(f"states is {rule!r}: give all, last, or lists by training length.")
    if not kept or len(set(kept)) != len(kept) or not 0 <= min(kept) <= max(kept) < epochs:
        raise StudyError(f"states of {epochs} epochs are {kept}: give numbers from 0 to {epochs - 1}.")
    return tuple(sorted(kept))


def log_spaced(count: int, first: int, last: int) -> set[int]:
    """Return steps from the first to the last, evenly spaced on a log axis; fewer where they fall together.

    >>> sorted(log_spaced(4, 1, 1000)), sorted(log_spaced(3, 50, 5000)), sorted(log_spaced(1, 1, 50))
    ([1, 10, 100, 1000], [50, 500, 5000], [50])
    """
    if count < 2:
        return {last} if count else set()
    return {round(float(step)) for step in np.geomspace(min(first, last), last, count)}
