"""Situations of a Trainer in which the callback was tried, each with what has to come of it and the code that tries it.

A new one is a function under ``@situation``, in the module of its area: the tests and the table of docs/training.md
take it from here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Outcome = Literal["right", "refused before training", "warned"]
AREAS = (
    "evaluations",
    "options",
    "best model",
    "search",
    "runs",
    "data",
    "passes",
    "broken off",
    "two processes",
    "PEFT",
    "TRL",
    "quantised",
    "models",
)


@dataclass(frozen=True)
class Situation:
    """One row of the table.

    Attributes:
        area: of `AREAS`.
        text: what is the matter, in a few words.
        outcome: ``right``: every value of the preset core is that of a computation beside the product, on the rows
            that the loss saw. ``refused before training``: an error that names a way out, before the first step.
            ``warned``: one sentence, once; the keys are left out or NaN; the run goes to its end.
        run: gets a folder of its own. Returns what ``right`` compares (a `Watch`, or `Compared`), or for ``warned``
            the evaluations' values.
        tolerance: relative, of ``right``.
        said: a pattern that the sentence matches.
        kept: of ``warned``: the sentence says in what the values may be off, and they stay.
        needs: a module without which it is left out.
    """

    area: str
    text: str
    outcome: Outcome
    run: Callable[[Path], Any]
    tolerance: float = 2e-4
    said: str = ""
    kept: bool = False
    needs: str = ""


SITUATIONS: list[Situation] = []


def situation(area: str, text: str, outcome: Outcome = "right", **settings: Any) -> Callable[[Any], Any]:
    """Enter the function below as a situation."""
    assert area in AREAS, area

    def enter(run: Callable[[Path], Any]) -> Callable[[Path], Any]:
        SITUATIONS.append(Situation(area, text, outcome, run, **settings))
        return run

    return enter
