"""Imports without Python's search for garbage, in a process that is a command's own."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Look for no garbage while libraries are imported within the block, nor ever after among what is there by its end.

    Libraries make a million objects that stay. Python looks through them again and again as they become more, then as
    the work goes on, and once more when the process ends: a second of a short command. What is there is kept even if
    nothing refers to it any more, so this is for the beginning of a process, not for a process of others.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()
