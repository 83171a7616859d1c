"""Conditions on metrics, by which a training run is stopped or a warning is logged."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from nc_hf.errors import InputError
from nc_hf.metrics.table import METRICS
from nc_hf.runtime.nearest import did_you_mean

WORSE_IN_A_ROW = 3
"""Evaluations, each farther from the best value than the one before, after which a metric has turned."""

_CONDITION = re.compile(r"\s*(\w+)\s*(<|>)\s*([-+]?[\d.]+(?:e[-+]?\d+)?)\s*", re.IGNORECASE)
_TURN = re.compile(r"\s*(\w+)\s+turns\s*", re.IGNORECASE)


@dataclass
class Gate:
    """``NAME > NUMBER``, ``NAME < NUMBER``, or ``NAME turns``: it grows less collapsed three evaluations in a row.

    Attributes:
        name: of the metric.
        sign: ``<`` or ``>``; None for a turn.
        limit: the number; NaN for a turn.
    """

    name: str
    sign: str | None
    limit: float
    _best: float = field(default=math.nan, repr=False)
    _last: float = field(default=math.nan, repr=False)
    _worse: int = field(default=0, repr=False)

    @classmethod
    def parse(cls, text: str, names: Collection[str]) -> Gate:
        """Read a condition on one of the metrics ``names``.

        Raises:
            InputError: it is no condition, or on something that is not measured.
        """
        condition, turn = _CONDITION.fullmatch(text), _TURN.fullmatch(text)
        found = condition or turn
        if found is None:
            raise InputError(f"{text!r} is no condition: write 'NAME > NUMBER', 'NAME < NUMBER' or 'NAME turns'.")
        name = found[1]
        if name not in names:
            near = did_you_mean(name, names)
            raise InputError(
                f"{name} of {text!r} is not measured{near}: name it in preset=, beside {', '.join(names)}."
            )
        if condition is None and METRICS[name].direction == "none":
            raise InputError(f"{name} has no direction that means collapse: write a number, as in '{name} > 1'.")
        return cls(name, condition and condition[2], float(condition[3]) if condition else math.nan)

    def met(self, values: Mapping[str, float]) -> str | None:
        """Return a sentence if the values of an evaluation meet the condition, and keep them for the next."""
        value = values.get(self.name, math.nan)
        if math.isnan(value):
            return None
        if self.sign is not None:
            met = value > self.limit if self.sign == ">" else value < self.limit
            return (
                f"{self.name} is {value:.4g}, {'above' if self.sign == '>' else 'below'} {self.limit:g}"
                if met
                else None
            )
        better = 1.0 if METRICS[self.name].direction == "up" else -1.0
        if math.isnan(self._best) or better * (value - self._best) >= 0:
            self._best, self._worse = value, 0
        else:
            self._worse = self._worse + 1 if better * (value - self._last) < 0 else 0
        self._last = value
        if self._worse < WORSE_IN_A_ROW:
            return None
        return f"{self.name} has turned: {value:.4g} after {self._best:.4g}, worse {self._worse} evaluations in a row"


def gates(given: str | Sequence[str] | None, names: Collection[str]) -> list[Gate]:
    """Read conditions: none, one, or several of which each counts by itself."""
    texts = [given] if isinstance(given, str) else list(given or ())
    return [Gate.parse(text, names) for text in texts]
