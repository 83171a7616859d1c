"""Documents from all over a text, as many as a census or a budget takes, in one reading and bounded memory."""

from __future__ import annotations

import heapq
import zlib
from collections.abc import Iterable


def pick_documents(texts: Iterable[str], characters: int, *, first: bool = False) -> list[str]:
    """Return documents of so many characters together, in their order; the last to be picked is cut to fit.

    Which ones depends on their numbers alone: a larger pick has all of a smaller one, and neither has a seed.

    Args:
        texts: read through to the end, so that each part of the text has its share, unless ``first``.
        characters: in all; where the text has no more, all of it is returned.
        first: take the first documents, and read no further.
    """
    if first:
        return _first(texts, characters)
    heap: list[tuple[int, int, str]] = []  # the largest of a document's hash and number first
    total = 0
    for number, text in enumerate(texts):
        heapq.heappush(heap, (-zlib.crc32(number.to_bytes(8, "little")), -number, text))
        total += len(text)
        while total - len(heap[0][2]) >= characters:
            total -= len(heapq.heappop(heap)[2])
    excess = max(0, total - characters)
    last = heap[0][1] if heap else 0
    picked = sorted((-number, text[: len(text) - excess] if number == last else text) for _, number, text in heap)
    return [text for _, text in picked]


def _first(texts: Iterable[str], characters: int) -> list[str]:
    picked: list[str] = []
    left = characters
    for text in texts:
        picked.append(text[:left])
        left -= len(picked[-1])
        if not left:
            break
    return picked
