"""What varies among the rows of a table, and how it is controlled for.

Every setting that takes several values is given a mean of its own per level, so that no shape of its effect is assumed.
One whose levels follow from others already taken out is controlled for with them. One that cannot be taken out is
named, and what would need it is withheld.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nc_hf.study.analysis.columns import REPEATS, decides, labels, level_names, numbers_of, settings_of

Floats = NDArray[np.float64]

FEWEST_FREEDOM = 3
"""Degrees of freedom that the settings must leave, or what is beyond them is not looked at."""

HIDDEN = ("classes_hash", "train_tokens", "parameters")
"""Sizes that follow from the settings; where one does not, it stands for a setting that the table lacks."""

_SHOWN = 6  # levels of a setting that are listed
_FIRST = ("width", "depth", "trained_epochs")


@dataclass(frozen=True)
class Varying:
    """What varies in a table.

    Attributes:
        controlled: Settings taken out, level by level.
        redundant: Settings whose levels follow from those, and from which.
        refused: Settings that cannot be taken out, and why.
        held: Settings with one level.
        repeats: Seeds with several.
    """

    controlled: tuple[str, ...]
    redundant: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    held: tuple[str, ...] = ()
    repeats: tuple[str, ...] = ()

    @property
    def taken(self) -> tuple[str, ...]:
        """What is taken out: what can be, and what cannot, so that nothing is left of a table that does not bear it."""
        return (*self.controlled, *self.refused)

    def lines(self, frame: pd.DataFrame) -> list[str]:
        """Say what varies, what goes with it, what cannot be controlled for, and what is held."""
        said = []
        if self.controlled:
            said.append(
                f"Varies, and is controlled for: {'; '.join(_levels(frame, name) for name in self.controlled)}."
            )
        if self.redundant:
            goes = "; ".join(f"{name} with {other}" for name, other in self.redundant.items())
            said.append(f"Goes with what is controlled for: {goes}.")
        for name, why in self.refused.items():
            said.append(f"Cannot be controlled for: {name}, which {why}.")
        if self.repeats:
            said.append(f"Repeats: {'; '.join(_levels(frame, name) for name in self.repeats)}.")
        if self.held:
            held = ", ".join(f"{name} {level_names(frame[name])[0]}" for name in self.held)
            said.append(f"The same in all rows: {held}.")
        return said


def examine(frame: pd.DataFrame) -> Varying:
    """Find what varies among the rows, and what of it can be controlled for.

    Settings are taken in the order width, depth, training length, then that of the table; a later one that adds nothing
    is redundant.
    """
    settings = [name for name in settings_of(frame) if name not in REPEATS]
    named = [*(name for name in _FIRST if name in frame), *(name for name in settings if name not in _FIRST)]
    several = {name: len(set(labels(frame[name]))) for name in named}
    varying = [name for name in named if several[name] > 1]
    varying += [name for name in HIDDEN if name in frame and not decides(frame, varying, [name])]
    controlled: list[str] = []
    redundant, refused = {}, {}
    for name in varying:
        before, after = (rank(factor_design(frame, names)) for names in (controlled, [*controlled, name]))
        if after == before:
            redundant[name] = _determinant(frame, name, controlled)
        elif len(frame) > 1 and len(set(labels(frame[name]))) == len(frame):
            refused[name] = f"has another value in every row (leave it out with --ignore {name} if it is no setting)"
        elif len(frame) - after - 1 < FEWEST_FREEDOM:
            refused[name] = f"leaves {max(len(frame) - after - 1, 0)} degrees of freedom beside the settings before it"
        else:
            controlled.append(name)
    return Varying(
        controlled=tuple(controlled),
        redundant=redundant,
        refused=refused,
        held=tuple(name for name in settings if several[name] == 1),
        repeats=tuple(name for name in REPEATS if name in frame and len(set(labels(frame[name]))) > 1),
    )


def factor_design(frame: pd.DataFrame, controls: Sequence[str]) -> Floats:
    """Build the design (N, 1 + levels): a constant, and an indicator for every level of every control but its first."""
    columns = [np.ones(len(frame))]
    for control in controls:
        levels = labels(frame[control])
        columns += [(levels == level).astype(np.float64) for level in np.unique(levels.astype(str))[1:]]
    return np.stack(columns, axis=1)


def number_design(frame: pd.DataFrame, controls: Sequence[str]) -> Floats:
    """Build the design that assumes a shape: a number enters by its log and the square of that, a word by its levels.

    A number that is not positive throughout, such as a weight decay of 0, enters by itself and its square.
    """
    columns = [np.ones(len(frame))]
    for control in controls:
        numbers = numbers_of(frame[control])
        if numbers is None:
            columns += list(factor_design(frame, [control]).T[1:])
            continue
        scaled = np.log(numbers) if (numbers > 0).all() else numbers
        scaled = (scaled - scaled.mean()) / (scaled.std() or 1.0)
        columns += [scaled, scaled**2]
    return np.stack(columns, axis=1)


def rank(design: Floats) -> int:
    """Count the dimensions of a design."""
    return int(np.linalg.matrix_rank(design))


def _determinant(frame: pd.DataFrame, name: str, controlled: Sequence[str]) -> str:
    """Name the one setting that decides another, or all where it takes several."""
    alone = next((other for other in controlled if decides(frame, [other], [name])), None)
    return alone or " and ".join(controlled)


def _levels(frame: pd.DataFrame, name: str) -> str:
    found = level_names(frame[name])
    short = [_short(level) for level in found]
    found = short if len(set(short)) == len(found) else found
    shown = found if len(found) <= _SHOWN else [*found[: _SHOWN - 1], f"… {found[-1]}, {len(found)} in all"]
    return f"{name} {', '.join(shown)}"


def _short(level: str) -> str:
    """Write a number with four digits at most.

    >>> _short("0.166666666667"), _short("gpt_neo"), _short("499712")
    ('0.1667', 'gpt_neo', '499712')
    """
    try:
        return level if level.isdigit() else f"{float(level):.4g}"
    except ValueError:
        return level
