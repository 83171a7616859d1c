"""Why an inmate did not answer, each reason in words of its own."""

from __future__ import annotations

import re
import signal
from enum import StrEnum, auto

from nc_hf.errors import NCError
from nc_hf.errors.remedies import Remedy
from nc_hf.runtime.cage.limits import Limits

# What allocators write before they end a process: of Rust, of C++, and of Python where it has no memory to raise.
_NO_MEMORY = re.compile(rb"memory allocation of \d+ bytes failed|bad_alloc|MemoryError|out of memory|cannot allocate")


class Reason(StrEnum):
    """Kinds of reasons."""

    MEMORY = auto()
    COMPUTING = auto()
    TIME = auto()
    DIED = auto()
    ANSWER = auto()
    RAISED = auto()


class CageError(NCError):
    """What is foreign could not be read within the limits, or ended the process that read it.

    Args:
        reason: of which kind.
        happened: in words that follow a noun, such as "takes more than 2.1 GB of memory".
        raised: the name of the exception, of the reason RAISED.
        text: what that said.
    """

    exit_code = 6

    def __init__(self, reason: Reason, happened: str, raised: str = "", text: str = "") -> None:
        """Keep the reason and its words."""
        super().__init__(f"What was to be read {happened}", Remedy.FOREIGN)
        self.reason, self.happened, self.raised, self.text = reason, happened, raised, text


def beyond_memory(limits: Limits) -> CageError:
    """Say that an allocation failed."""
    return CageError(Reason.MEMORY, f"takes more than {limits.memory / 1e9:.1f} GB of memory")


def beyond_time(limits: Limits) -> CageError:
    """Say that no answer came in time."""
    return CageError(Reason.TIME, f"takes more than {limits.wall_seconds:g} seconds")


def raised(kind: str, text: str) -> CageError:
    """Say that reading raised what nobody foresaw."""
    told = f"{kind}: {text}" if text else kind
    return CageError(Reason.RAISED, f"cannot be read ({told})", kind, text)


def bad_answer(what: str) -> CageError:
    """Say that the answer is none."""
    return CageError(Reason.ANSWER, what)


def cause_of_death(exit_code: int | None, last_words: bytes, limits: Limits) -> CageError:
    """Say why a process ended without an answer.

    Args:
        exit_code: as `os.waitstatus_to_exitcode` gives it, a signal as a negative number; None if that is not known.
        last_words: the end of what it wrote to standard error.
        limits: that it had.
    """
    if exit_code == -signal.SIGXCPU:
        return CageError(Reason.COMPUTING, f"takes more than {limits.cpu_seconds} seconds of computing")
    if exit_code != 0 and _NO_MEMORY.search(last_words):
        return beyond_memory(limits)
    if exit_code == -signal.SIGKILL:
        how = "killed by the system, as when it is out of memory"
    elif exit_code is None:
        how = "how is not known"
    else:
        how = signal.Signals(-exit_code).name if exit_code < 0 else f"exit code {exit_code}"
    return CageError(Reason.DIED, f"ends the process that reads it ({how})")
