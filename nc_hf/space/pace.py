"""How long analyses took: the ground of every estimate, which is withheld where nothing like it was seen."""

from __future__ import annotations

import math
import statistics
from collections import deque
from dataclasses import dataclass

from nc_hf.space.settings import FINAL

_REMEMBERED = 50
_RECENT = 20
_ALIKE = 100.0
"""Work that differs by more than this factor says nothing of each other: start-up counts for one, products of matrices
for the other."""


@dataclass(frozen=True)
class _Seen:
    work: float
    seconds: float
    layers: str


class Pace:
    """What the last analyses took.

    >>> pace = Pace()
    >>> pace.estimate(parameters=10**6, tokens=50_000)
    >>> pace.note(parameters=10**6, tokens=50_000, seconds=8.0)
    >>> pace.estimate(parameters=2 * 10**6, tokens=50_000), pace.estimate(parameters=10**6, tokens=10_000)
    (16.0, 8.0)
    """

    def __init__(self) -> None:
        """Begin with none."""
        self._seen: deque[_Seen] = deque(maxlen=_REMEMBERED)

    def note(self, parameters: int, tokens: int, seconds: float, layers: str = FINAL) -> None:
        """Remember one.

        Args:
            parameters: of the model.
            tokens: that it read.
            seconds: from its turn to its result.
            layers: which of them were measured.
        """
        if parameters > 0 and tokens > 0 and seconds > 0:
            self._seen.append(_Seen(float(parameters) * tokens, seconds, layers))

    def estimate(self, parameters: int, tokens: int, layers: str = FINAL) -> float | None:
        """Return the seconds that an analysis may take: as the one nearest to it in parameters times tokens.

        One of every layer says nothing of one of the final layer alone. More work takes so much longer, less takes as
        long: what remains then is start-up.
        """
        work = float(parameters) * tokens
        alike = [seen for seen in self._seen if seen.layers == layers]
        if not alike or work <= 0:
            return None
        near = min(alike, key=lambda seen: abs(math.log(seen.work / work)))
        ratio = work / near.work
        return near.seconds * max(1.0, ratio) if 1 / _ALIKE <= ratio <= _ALIKE else None

    @property
    def typical(self) -> float | None:
        """Seconds that half of the last analyses took at most; None before the first."""
        recent = [seen.seconds for seen in self._seen][-_RECENT:]
        return statistics.median(recent) if recent else None
