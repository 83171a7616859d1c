"""How far a measurement has come, for whoever watches it: a progress bar, a page, a caller that may cancel it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Stage = Literal["resolving", "downloading", "loading", "packing", "measuring", "computing"]


@dataclass(frozen=True)
class Progress:
    """One reading.

    Attributes:
        stage: what is being done.
        done: bytes of a download, or tokens packed or measured; 0 in the other stages.
        total: of which there are so many; 0 where that is not known.
        seconds: since the stage began.

    >>> half = Progress("measuring", done=500, total=1000, seconds=2.0)
    >>> half.rate, half.remaining
    (250.0, 2.0)
    """

    stage: Stage
    done: int
    total: int
    seconds: float

    @property
    def rate(self) -> float:
        """Bytes or tokens a second; 0 before the first."""
        return self.done / self.seconds if self.seconds > 0 else 0.0

    @property
    def remaining(self) -> float | None:
        """Seconds to the end of the stage at this rate; None where nothing can be said."""
        return max(0, self.total - self.done) / self.rate if self.total and self.rate else None


Listener = Callable[[Progress], None]
"""Called at every step, in the thread that measures. An error that it raises ends the work and reaches the caller;
``nc_hf.errors.CancelledError`` is the one to raise."""


class Meter:
    """Tells a listener about one stage."""

    def __init__(self, listener: Listener | None, stage: Stage, total: int = 0, done: int = 0) -> None:
        """Announce the stage; ``done`` of it may have been done before."""
        self._listener, self._stage, self._total = listener, stage, total
        self._done, self._before, self._started = done, done, time.monotonic()
        self.advance(0)

    def advance(self, amount: int) -> None:
        """Say that so much more is done."""
        self._done += amount
        if self._listener is not None:
            # What an earlier run did took none of this run's time, so it counts neither as done nor as to do.
            done, total = self._done - self._before, max(0, self._total - self._before)
            self._listener(Progress(self._stage, done, total, time.monotonic() - self._started))
