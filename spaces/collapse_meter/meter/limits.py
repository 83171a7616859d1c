"""Names and limits that the page shows before anything heavy is loaded."""

from __future__ import annotations

from typing import Literal, get_args

UPLOAD = "upload"
"""The name of a corpus that a visitor brings along."""

MIN_TOKENS = 1_000
DEFAULT_TOKENS = 50_000
MAX_TEXT_BYTES = 5_000_000
MAX_COMPARED = 6

Form = Literal["json", "markdown", "csv"]
Figure = Literal["variability", "agreement", "norms", "cosines"]
FIGURES: tuple[Figure, ...] = get_args(Figure)
