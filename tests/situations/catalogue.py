"""Every situation, of all areas: importing this fills the registry."""

from __future__ import annotations

from tests.situations import (
    adapters,
    broken_off,
    data,
    evaluations,
    models,
    options,
    passes,
    pictures,
    preferences,
    processes,
    quantised,
    supervised,
    trainers,
)
from tests.situations.registry import AREAS, SITUATIONS, Situation

MODULES = (
    *(evaluations, options, data, passes, broken_off),
    *(trainers, processes, adapters),
    *(supervised, preferences, quantised, models, pictures),
)


def by_area() -> dict[str, list[Situation]]:
    """The situations in order of their areas."""
    return {area: [each for each in SITUATIONS if each.area == area] for area in AREAS}
