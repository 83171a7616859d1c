"""The step of training in the name of a revision."""

from __future__ import annotations

import re
from fractions import Fraction

# The step in a name such as step143000, step-50K-105b, global_step100, iter_0004000 or checkpoint-500.
_STEP = re.compile(r"(?:step|iter|iteration|checkpoint|ckpt)s?[-_ ]?(\d+(?:\.\d+)?)([km]?)(?![a-z0-9])", re.IGNORECASE)
_THOUSANDS = {"": 1, "k": 1_000, "m": 1_000_000}


def step_of(revision: str) -> int | None:
    """Read the step of training from the name of a revision; None where the name tells none.

    >>> [step_of(name) for name in ("step1000", "step-50K-105b", "checkpoint-500", "main", "v2")]
    [1000, 50000, 500, None, None]
    """
    found = _STEP.search(revision)
    return counted(found[1], found[2]) if found else None


def counted(number: str, suffix: str = "") -> int:
    """Read a number with what multiplies it: nothing, k or m, in either case.

    >>> counted("0004000"), counted("1.5", "K")
    (4000, 1500)
    """
    return round(Fraction(number) * _THOUSANDS[suffix.lower()])
