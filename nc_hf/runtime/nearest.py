"""What somebody meant who misspelt a name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a question that stands behind a name that there is not; nothing where no known one is near.

    >>> did_you_mean("nc1_cdvn", ["nc1_cdnv", "nc4_agreement"]), did_you_mean("loss", ["nc1_cdnv"])
    (' (did you mean nc1_cdnv?)', '')
    """
    near = difflib.get_close_matches(word.lower(), list(known), n=1)
    return f" (did you mean {near[0]}?)" if near else ""
