"""What came of a fault, and the table of all of them."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from nc_hf.errors import NCError

REFUSED, SAME, WRONG, CRASHED, HUNG = "refused", "same", "wrong", "crashed", "hung"
"""Refused: by an error of a kind of ours, told as edited, or left aside as if it were not there. Same: the true
content. Wrong: another content. Crashed: any other exception, or a traceback."""

OUTCOMES = (REFUSED, SAME, WRONG, CRASHED, HUNG)
PATIENCE = 60
"""Seconds after which something hangs."""

Met = tuple[str, str, str]
"""Of what kind a file or run was, what was done to it, and what came of it."""


def outcome_of(read: Callable[[], Any], truth: Any) -> tuple[str, str]:
    """Read what was harmed; return what came of it, and for whoever looks at a failure what that was."""
    try:
        with _patience():
            found = read()
    except NCError as fault:
        return REFUSED, str(fault)
    except _HangError:
        return HUNG, ""
    except BaseException as fault:  # a panic of Rust is no Exception
        if isinstance(fault, KeyboardInterrupt):
            raise
        return CRASHED, repr(fault)
    if found is None:
        return REFUSED, "left aside"
    return (SAME, "") if found == truth else (WRONG, f"{found!r:.2000}")


class _HangError(BaseException):
    """It took too long."""


@contextmanager
def _patience() -> Iterator[None]:
    def give_up(*_: Any) -> None:
        raise _HangError

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(PATIENCE)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def table(met: Sequence[Met]) -> list[str]:
    """The lines of two tables, by kind and by fault, of how often each came of it, and the sum."""
    width = max(len(name) for kind, fault, _ in met for name in (kind, fault)) + 2
    head = "".join(f"{name:>9}" for name in OUTCOMES)
    lines = []
    for title, place in (("file or run", 0), ("fault", 1)):
        counts = Counter((each[place], each[2]) for each in met)
        lines.append(f"{title:{width}}{head}")
        for name in sorted({each[place] for each in met}):
            lines.append(f"{name:{width}}" + "".join(f"{counts[name, outcome]:9}" for outcome in OUTCOMES))
        lines.append("")
    sums = Counter(outcome for *_, outcome in met)
    return [*lines, f"{f'all {len(met)}':{width}}" + "".join(f"{sums[outcome]:9}" for outcome in OUTCOMES)]
