"""Metrics by what they are called: the names that a preset stands for, and what was meant by one that there is not."""

from __future__ import annotations

from collections.abc import Sequence

from nc_hf.errors import InputError
from nc_hf.metrics.table import METRICS, PRESETS
from nc_hf.runtime.nearest import did_you_mean


def metric_names(preset: str | Sequence[str]) -> tuple[str, ...]:
    """Return the names that a preset, or a list of names, stands for.

    Raises:
        InputError: there is no such preset or metric.
    """
    if isinstance(preset, str):
        if preset not in PRESETS:
            near = did_you_mean(preset, PRESETS)
            raise InputError(
                f"there is no preset {preset!r}{near}: choose {', '.join(PRESETS)}, or pass a list of names."
            )
        return PRESETS[preset]
    unknown = [name for name in preset if name not in METRICS]
    if unknown:
        near = did_you_mean(unknown[0], METRICS)
        raise InputError(f"there is no metric {unknown[0]!r}{near}: `nc-hf metrics` lists those that there are.")
    return tuple(preset)
