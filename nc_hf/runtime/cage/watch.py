"""Whether what is done in the cage is still wanted: asked while an inmate is waited for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_CHECK: ContextVar[Callable[[], None] | None] = ContextVar("nc_hf_cage_check", default=None)


@contextmanager
def watched(check: Callable[[], None]) -> Iterator[None]:
    """Let ``check`` be called some times a second while an inmate is waited for within the block, in this thread.

    What it raises kills the inmate and reaches whoever waits.
    """
    token = _CHECK.set(check)
    try:
        yield
    finally:
        _CHECK.reset(token)


def check() -> None:
    """Ask whether to go on.

    Raises:
        Exception: what the check of `watched` raises.
    """
    asked = _CHECK.get()
    if asked is not None:
        asked()
