"""Percentile ranks of a value among reference models: the 230 published ones, and those kept here on the same text."""

from __future__ import annotations

import json
import math
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nc_hf.corpus.spec import TINYSTORIES, CorpusSpec
from nc_hf.report.cautions import cautions
from nc_hf.report.words import direction

if TYPE_CHECKING:
    from nc_hf.report import Report

REFERENCE: dict[str, Any] = json.loads((Path(__file__).parent / "reference.json").read_text(encoding="utf-8"))


VOCABULARY = range(50_257, 50_433)
"""Rows of a head that has their tokens: those of GPT-2, with none to 175 more that fill it up to a round number."""
WIDTHS = range(64, 1_025)
"""Features of the narrowest to the widest of them; geometry in other dimensions is another."""
CLASSES = 2.0
"""How many times fewer classes may be read: NC4 comes easier among few, and GNC2 and NC3 move with the rare ones."""


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
    """Rank every metric that has a direction; none of a report that leaves no verdict.

    A place among the published models is given where text, classes and width are comparable with theirs.

    Args:
        report: whose values.
        like: other models' results on the same text with the same options.
    """
    if _void(report):
        return {}
    others, placed = [other for other in like if not _void(other)], is_comparable(report)
    found = {}
    for name, metric in report.metrics.items():
        sign = {"down": -1.0, "up": 1.0}.get(direction(name))
        if sign is None or not math.isfinite(metric.value):
            continue
        rivals = [sign * other.metrics[name].value for other in others if name in other.metrics]
        below = sum(rival < sign * metric.value for rival in rivals)
        found[name] = Rank(published_share(name, metric.value) if placed else None, below, len(rivals))
    return found


def is_comparable(report: Report) -> bool:
    """Whether a report may be held against the published ones: their text, their tokens, a width among theirs."""
    width, classes = report.model.head.get("dim"), report.classes
    return (
        width in WIDTHS
        and classes.vocab_size in VOCABULARY
        and classes.used >= REFERENCE["classes"] / CLASSES
        and CorpusSpec.parse(report.corpus.source).dataset == TINYSTORIES
    )


def _void(report: Report) -> bool:
    """Whether a report leaves no verdict, so that its values are of no collapse."""
    return any(caution.voids for caution in cautions(report))


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
    """Say in one sentence in what this measurement differs from the published ones, though comparable with them."""
    return (
        f"The {REFERENCE['models']} published models are small GPT-Neos trained on TinyStories and measured on "
        f"{REFERENCE['tokens'] / 1e6:,.0f} million tokens of it with {REFERENCE['classes']:,} classes; here "
        f"{report.tokens:,} tokens and {report.classes.used:,} classes were read. Take the place for an orientation, "
        "not for a rank."
    )
