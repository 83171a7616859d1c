"""Parts of a work that several processes or jobs share, counted from 1."""

from __future__ import annotations

from nc_hf.errors import InputError


def parse_shard(text: str) -> tuple[int, int]:
    """Return i and n of ``i/n``, part i of n.

    Raises:
        InputError: it is none.

    >>> parse_shard("1/4")
    (1, 4)
    """
    part, _, parts = text.partition("/")
    if not (part.isdecimal() and parts.isdecimal() and 1 <= int(part) <= int(parts)):
        raise InputError(f"{text!r} is no shard: write i/n with i from 1 to n, such as 1/4.")
    return int(part), int(parts)
