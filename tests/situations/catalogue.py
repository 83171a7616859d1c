"""Every situation, of all areas: importing this fills the registry."""

from __future__ import annotations

from tests.situations import adapters, evaluating, models, pictures, preferences, processes, trainers
from tests.situations.registry import AREAS, SITUATIONS, Situation

MODULES = (evaluating, trainers, processes, adapters, preferences, models, pictures)


def by_area() -> dict[str, list[Situation]]:
    """The situations in order of their areas."""
    return {area: [each for each in SITUATIONS if each.area == area] for area in AREAS}
