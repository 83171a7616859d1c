"""How values come into the log of an evaluation, before others look for them there."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from transformers import EarlyStoppingCallback, TrainerCallback


def are_of_evaluation(logs: Mapping[str, Any], prefix: str) -> bool:
    """Whether these are the logs of an evaluation, which has a loss or at least times itself.

    One sign is enough: a Trainer's own ``log``, or another callback, may have taken the others out.

    Args:
        logs: of anything that happens in an evaluation.
        prefix: of the evaluation's keys.
    """
    return any(f"{prefix}_{name}" in logs for name in ("loss", "runtime", "samples_per_second"))


def add_to(logs: dict[str, Any], prefix: str, values: Mapping[str, float]) -> list[str]:
    """Add values to a log.

    Args:
        logs: changed in place.
        prefix: of the keys.
        values: by key, without the prefix.

    Returns:
        The keys that hold something else already, and are left as they are.
    """
    keyed = {f"{prefix}_{name}": value for name, value in values.items()}
    taken = [key for key, value in keyed.items() if logs.get(key, value) != value and not math.isnan(value)]
    logs.update({key: value for key, value in keyed.items() if key not in taken})
    return taken


def stand_before_early_stopping(callbacks: list[TrainerCallback], mine: TrainerCallback) -> None:
    """Change places with an EarlyStoppingCallback that would look for a value before it is there.

    Places are exchanged and nothing is taken out: the Trainer goes through its list meanwhile.

    Args:
        callbacks: the Trainer's, in order.
        mine: the callback that brings the value.
    """
    here = callbacks.index(mine) if mine in callbacks else 0
    for place, other in enumerate(callbacks[:here]):
        if isinstance(other, EarlyStoppingCallback):
            callbacks[place], callbacks[here] = mine, other
            return
