"""Names made short enough for a picture."""

from __future__ import annotations


def shortened(text: str, most: int) -> str:
    """Cut the middle out of a long name: the ends tell more.

    >>> shortened("../models/stories260K", 14)
    '../mod…ies260K'
    """
    if len(text) <= most:
        return text
    tail = (most + 1) // 2
    return f"{text[: most - tail - 1]}…{text[-tail:]}"
