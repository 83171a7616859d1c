"""Names and limits that the page needs before anything heavy is loaded."""

from __future__ import annotations

from typing import Literal, get_args

from nc_hf.errors import InputError

UPLOAD = "upload"
"""The name of a corpus that a visitor brings along."""

MIN_TOKENS = 1_000
DEFAULT_TOKENS = 50_000
MAX_TEXT_BYTES = 5_000_000
MAX_COMPARED = 6

Form = Literal["json", "markdown", "csv"]
Figure = Literal["variability", "agreement", "norms", "cosines"]
FIGURES: tuple[Figure, ...] = get_args(Figure)


def check_texts(**named: object) -> None:
    """Refuse a number, a list and the like, which JSON may bring where a text is meant.

    Args:
        named: what was passed, by the names of the arguments.

    Raises:
        InputError: one is no text.
    """
    for name, value in named.items():
        if not isinstance(value, str):
            raise InputError(f"What was passed as {name} is no text: pass a string.")
