"""The 230 models of *Linguistic Collapse*, and whether a report may be held against them."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from nc_hf.corpus.spec import TINYSTORIES, CorpusSpec
from nc_hf.report.cautions import cautions
from nc_hf.report.record import ReportRecord

VOCABULARY = range(50_257, 50_433)
"""Rows of a head that has their tokens: those of GPT-2, with none to 175 more that fill it up to a round number."""
WIDTHS = range(64, 1_025)
"""Features of the narrowest to the widest of them; geometry in other dimensions is another."""
CLASSES = 2.0
"""How many times fewer classes may be read: NC4 comes easier among few, and GNC2 and NC3 move with the rare ones."""


@cache
def published() -> dict[str, Any]:
    """Return loss and metrics of the published models, in lists of one entry a model, with where they come from."""
    document: dict[str, Any] = json.loads((Path(__file__).parent / "published.json").read_text(encoding="utf-8"))
    return document


def obstacle(report: ReportRecord) -> str | None:
    """Say why a report may not be held against the published models; None where it may.

    It takes their text and their tokens, about as many classes, a width among theirs, and a verdict.
    """
    known, classes, width = published(), report.classes, report.model.head.get("dim")
    if void := next((caution.voids for caution in cautions(report) if caution.voids), None):
        return f"there is no verdict: {void}"
    if CorpusSpec.parse(report.corpus.source).dataset != TINYSTORIES:
        return "they were measured on TinyStories, this model on another text"
    if classes.vocab_size not in VOCABULARY:
        return f"their tokens are the {VOCABULARY[0]:,} of GPT-2, here there are {classes.vocab_size:,} others"
    if classes.used < known["classes"] / CLASSES:
        return (
            f"they have {known['classes']:,} classes, here {classes.used:,} were read, and metrics move with rare ones"
        )
    if width not in WIDTHS:
        return f"they are {WIDTHS[0]:,} to {WIDTHS[-1]:,} wide, this model is not"
    return None
