"""Word of how far a cell has come, from where it runs to where it is shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Advance:
    """How far a cell has come.

    Attributes:
        share: of its work that is done.
        doing: what it does, in words; empty where that is not known.
    """

    share: float
    doing: str = ""

    def within(self, share: float) -> Advance:
        """Take this for a part of more work: ``share`` of the whole."""
        return replace(self, share=self.share * share)


Listener = Callable[[Advance], None]
"""Told how far a cell has come."""


def training(step: int, steps: int, loss: float | None, tokens: float | None) -> Advance:
    """Say how far a training has come.

    Args:
        step: steps done.
        steps: of the whole training.
        loss: nats a token of the last steps; None before one is known.
        tokens: a second; None before there is a pace.

    >>> training(340, 976, 3.2149, 12345.6).doing
    'step 340 of 976, loss 3.215, 12,346 tokens/s'
    """
    known = [f"step {step} of {steps}"]
    known += [] if loss is None else [f"loss {loss:.3f}"]
    known += [] if tokens is None else [f"{tokens:,.0f} tokens/s"]
    return Advance(step / steps, ", ".join(known))
