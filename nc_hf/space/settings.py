"""What a request may ask for: limits that hold everywhere, and those that the owner of a Space sets."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from nc_hf.errors import InputError
from nc_hf.measurement.options import OPTIONS

FINAL, ALL = OPTIONS["layers"].choices
UPLOAD = "upload"
"""The name of a corpus that a visitor brings along."""

MIN_TOKENS = 1_000
DEFAULT_TOKENS = 50_000
MAX_TEXT_BYTES = 5_000_000
MAX_COMPARED = 6
MAX_REVISIONS = 40


@dataclass(frozen=True)
class Settings:
    """Limits and folders.

    Attributes:
        folder: where results are kept.
        dataset: data set of the Hub that the results are pushed to; None for the folder alone.
        max_tokens: the largest token budget of one request.
        max_bytes: the largest weights that are fetched.
        cache_bytes: the fetched models that are kept for the next request.
        max_waiting: requests that may wait in the queue.
        own: whether the page is for this machine alone, and reads with its owner's token what he may read.
    """

    folder: Path
    dataset: str | None
    max_tokens: int
    max_bytes: int
    cache_bytes: int
    max_waiting: int
    own: bool = False

    @classmethod
    def from_environment(cls) -> Settings:
        """Read ``NC_HF_SPACE_*``.

        Raises:
            InputError: a number is none.
        """
        home = Path(os.environ.get("HF_HOME", "~/.cache/huggingface")).expanduser()
        return cls(
            folder=Path(os.environ.get("NC_HF_SPACE_FOLDER", home / "nc_hf" / "space")).expanduser(),
            dataset=os.environ.get("NC_HF_SPACE_DATASET") or None,
            max_tokens=_number("NC_HF_SPACE_MAX_TOKENS", 1_000_000),
            max_bytes=_number("NC_HF_SPACE_MAX_BYTES", 4_000_000_000),
            cache_bytes=_number("NC_HF_SPACE_CACHE_BYTES", 20_000_000_000),
            max_waiting=_number("NC_HF_SPACE_MAX_WAITING", 32),
        )


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


def _number(name: str, default: int) -> int:
    given = os.environ.get(name, "")
    if given and not given.isdecimal():
        raise InputError(f"{name} is {given!r}: set it to a whole number.")
    return int(given) if given else default
