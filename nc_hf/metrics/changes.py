"""What becomes of the values of a text as parts of it are left out: their standard errors and their bias.

Ten sweeps over all pairs, and ten more for the bias of the median, would cost twenty times the values. Yet one and the
same pairs change nearly alike wherever text is left out, so that few of them show it:

    theta_part = theta + mean over draws of (theta_part - theta), both over the pairs of the draw.

Draws are independent, and so what drawing adds to an error and to a bias is seen from how far they differ. An error has
that in it and is too large by it; the bias moves the value, and no error tells of it. So a tenth of an error's square
is borne of the one and a hundredth of the other. Beyond either, as with directions as even as chance, whose single
pairs make the error, what was drawn is put away and every pair is looked at.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import variance
from typing import Protocol

from torch import Tensor

from nc_hf.metrics.classes import used_classes
from nc_hf.metrics.drawing import DRAWS, PAYS_FROM, Draws
from nc_hf.metrics.jackknife import jackknife_error
from nc_hf.metrics.table import METRICS
from nc_hf.metrics.uncertainty import debiased, replicates, share_of_part
from nc_hf.statistics.class_statistics import ClassStatistics

_FEW_DRAWS = 4
_NOISE = 0.1
"""Of an error's square: what drawing may add to it, which makes the error up to five percent too large."""
_NOISE_OF_BIAS = 0.01
"""Of an error's square: that of what drawing may add to the value itself, a tenth of the error."""

Measured = tuple[Mapping[str, float], Sequence[Mapping[str, float]]]
"""Values by name, without those over pairs where they are drawn; and those, an entry a draw."""


class Measure(Protocol):
    """Computes metrics of statistics, as a report does."""

    def __call__(
        self, stats: ClassStatistics, names: Sequence[str], group: int | None, draws: Draws | None, /
    ) -> Measured:
        """Return values by name.

        Args:
            stats: of a part of the text.
            names: of metrics; what cannot be had without the group may be left out.
            group: which one the part is without, if it is without just one.
            draws: whose pairs are looked at; None for every pair.
        """
        ...


def without_groups(
    values: Mapping[str, float],
    whole: ClassStatistics,
    groups: Sequence[ClassStatistics],
    measure: Measure,
    classes: Tensor | None,
    *,
    drawn: bool = False,
) -> tuple[dict[str, list[float]], dict[str, float]]:
    """Return the values without each group in turn, and those of all of it less the bias of few tokens.

    Args:
        values: by name, of all of the text.
        whole: its statistics.
        groups: those of each group.
        measure: computes the same metrics.
        classes: (K,) ids of those that count; None for all.
        drawn: the values are estimates by draws; then so is everything here.
    """
    of_pairs = [name for name in values if METRICS[name].pairs is not None]
    by_drawing = bool(of_pairs) and all(METRICS[name].by_drawing for name in of_pairs)
    num_classes = int(used_classes(whole, classes).sum())
    few = by_drawing and num_classes > PAYS_FROM
    draws = Draws(DRAWS if drawn else _FEW_DRAWS, num_classes) if drawn or few else None
    found: dict[str, list[float]] = {}
    if draws is not None:
        of_whole = measure(whole, of_pairs, None, draws)[1]
        without, parts = _Drawn(values, of_whole), _Drawn(values, of_whole)
        found = replicates(groups, lambda rest, group: without.of(*measure(rest, list(values), group, draws)))
        best = debiased(values, found, groups, lambda part, names: parts.of(*measure(part, names, None, draws)))
        if drawn or not found or _suffice(found, without, parts, len(groups)):
            return _in_order(found, values), best
    anew = of_pairs if found else list(values)
    found |= replicates(groups, lambda rest, group: measure(rest, anew, group, None)[0])
    best = debiased(values, found, groups, lambda part, names: measure(part, names, None, None)[0])
    return _in_order(found, values), best


def _in_order(found: Mapping[str, list[float]], values: Mapping[str, float]) -> dict[str, list[float]]:
    return {name: found[name] for name in values if name in found}


class _Drawn:
    """Values of parts of a text, by what they differ from those of all of it on the same drawn pairs.

    Args:
        values: of all of it.
        whole: those over pairs, of each draw.
    """

    def __init__(self, values: Mapping[str, float], whole: Sequence[Mapping[str, float]]) -> None:
        """Start with no part."""
        self._values, self._whole = values, whole
        self._changes: dict[str, list[list[float]]] = {}

    def of(self, others: Mapping[str, float], draws: Sequence[Mapping[str, float]]) -> dict[str, float]:
        """Return the values of one more part, from what was measured of it."""
        found = dict(others)
        for name in draws[0]:
            changes = [part[name] - whole[name] for part, whole in zip(draws, self._whole, strict=True)]
            self._changes.setdefault(name, []).append(changes)
            found[name] = self._values[name] + math.fsum(changes) / len(changes)
        return found

    def noise_of_spread(self, name: str) -> float:
        """Return what drawing adds to the square of the jackknife's error of a value."""
        parts, level = self._changes[name], self._by_draw(name)
        own = [variance(change - mean for change, mean in zip(part, level, strict=True)) for part in parts]
        return (len(parts) - 1) / len(parts) * math.fsum(own) / len(level)

    def noise_of_bias(self, name: str, share: float) -> float:
        """Return the square of the error that drawing gives the bias, seen from parts with that share of the text."""
        if name not in self._changes:  # no part had enough text, and no bias is taken out
            return 0.0
        level = self._by_draw(name)
        return (share / (1 - share)) ** 2 * variance(level) / len(level)

    def _by_draw(self, name: str) -> list[float]:
        """Return the mean change of all parts on each draw."""
        return [math.fsum(draw) / len(draw) for draw in zip(*self._changes[name], strict=True)]


def _suffice(found: Mapping[str, Sequence[float]], without: _Drawn, parts: _Drawn, groups: int) -> bool:
    """Whether drawing adds little to every error of a value over pairs, and to every bias that is taken out."""
    for name in found:
        metric = METRICS[name]
        if metric.pairs is None:
            continue
        error = jackknife_error(found[name])
        if not math.isfinite(error):
            return False
        if not without.noise_of_spread(name) <= _NOISE * error**2:
            return False
        seen_in, share = without if metric.smooth else parts, share_of_part(groups, smooth=metric.smooth)
        if metric.debiased and not seen_in.noise_of_bias(name, share) <= _NOISE_OF_BIAS * error**2:
            return False
    return True
