"""What a callback says of a run, in sentences of the logger ``nc_hf.training``."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

from accelerate.state import PartialState

_LOG = logging.getLogger("nc_hf.training")


@dataclass
class Voice:
    """Says a sentence once, however many evaluations give reason to, and on one rank."""

    _said: set[str] = field(default_factory=set)

    def say(self, sentence: str, *, again: bool = False) -> None:
        """Log a sentence as a warning.

        Args:
            sentence: whole, with what to do.
            again: although it was said before.
        """
        if (again or sentence not in self._said) and PartialState().is_main_process:
            _LOG.warning(sentence)
        self._said.add(sentence)
