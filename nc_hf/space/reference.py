"""Percentile ranks of a value among reference models: the 230 published ones, and those kept here on the same text."""

from __future__ import annotations

import json
import math
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nc_hf.report.words import direction

if TYPE_CHECKING:
    from nc_hf.report import Report

REFERENCE: dict[str, Any] = json.loads((Path(__file__).parent / "reference.json").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Rank:
    """The percentile rank of a value: what share of others it exceeds in collapse.

    Attributes:
        published: share, in [0, 1], of the published models that are less collapsed; None where nothing comparable was
            published.
        kept: of the results kept here on the same text with the same options, how many are less collapsed.
        among: how many such results there are.
    """

    published: float | None
    kept: int
    among: int


def ranks(report: Report, like: Iterable[Report]) -> dict[str, Rank]:
    """Rank every metric that has a direction.

    Args:
        report: whose values.
        like: other models' results on the same text with the same options.
    """
    others = list(like)
    found = {}
    for name, metric in report.metrics.items():
        sign = {"down": -1.0, "up": 1.0}.get(direction(name))
        if sign is None or not math.isfinite(metric.value):
            continue
        rivals = [sign * other.metrics[name].value for other in others if name in other.metrics]
        below = sum(rival < sign * metric.value for rival in rivals)
        found[name] = Rank(published_share(name, metric.value), below, len(rivals))
    return found


def published_share(name: str, value: float) -> float | None:
    """Return the share of the published models that are less collapsed, read off their quantiles.

    >>> published_share("nc4_agreement", 0.9), published_share("nc1_cdnv", 0.9)
    (1.0, None)
    """
    quantiles = REFERENCE["quantiles"].get(name)
    if quantiles is None:
        return None
    steps = len(quantiles) - 1
    if value <= quantiles[0] or value >= quantiles[-1]:
        smaller = float(value >= quantiles[-1])
    else:
        upper = bisect_left(quantiles, value)
        low, high = quantiles[upper - 1], quantiles[upper]
        smaller = (upper - 1 + (value - low) / (high - low)) / steps
    return smaller if direction(name) == "up" else 1.0 - smaller


def caveat(report: Report) -> str:
    """Say in one sentence in what this measurement differs from the published ones."""
    classes, tokens = REFERENCE["classes"], REFERENCE["tokens"]
    fewer = report.classes.used < classes / 3
    return (
        f"The {REFERENCE['models']} published models are small GPT-Neos trained on TinyStories and measured on "
        f"{tokens / 1e6:,.0f} million tokens of it with {classes:,} classes; here {report.tokens:,} tokens of "
        f"{report.corpus.source} and {report.classes.used:,} classes were read. Take the place for an orientation, "
        f"not for a rank{': with fewer classes, agreement (NC4) comes easier' if fewer else ''}."
    )
