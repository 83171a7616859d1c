"""Why an inmate did not answer, in words that follow a noun."""

from __future__ import annotations

import signal

import pytest

from nc_hf.runtime.cage.limits import Limits
from nc_hf.runtime.cage.reasons import Reason, bad_answer, beyond_memory, beyond_time, cause_of_death, raised

LIMITS = Limits(memory=3 * 10**9, cpu_seconds=7, wall_seconds=2.5)


@pytest.mark.parametrize(
    ("exit_code", "last_words", "reason", "happened"),
    [
        (-signal.SIGXCPU, b"", Reason.COMPUTING, "takes more than 7 seconds of computing"),
        (-signal.SIGABRT, b"memory allocation of 12 bytes failed", Reason.MEMORY, "takes more than 3.0 GB of memory"),
        (-signal.SIGABRT, b"what():  std::bad_alloc", Reason.MEMORY, "takes more than 3.0 GB of memory"),
        (1, b"MemoryError", Reason.MEMORY, "takes more than 3.0 GB of memory"),
        (-signal.SIGABRT, b"", Reason.DIED, "ends the process that reads it (SIGABRT)"),
        (-signal.SIGSEGV, b"", Reason.DIED, "ends the process that reads it (SIGSEGV)"),
        (
            -signal.SIGKILL,
            b"",
            Reason.DIED,
            "ends the process that reads it (killed by the system, as when it is out of memory)",
        ),
        (3, b"", Reason.DIED, "ends the process that reads it (exit code 3)"),
        (None, b"", Reason.DIED, "ends the process that reads it (how is not known)"),
    ],
)
def test_how_a_process_ended_says_why(exit_code: int | None, last_words: bytes, reason: Reason, happened: str) -> None:
    error = cause_of_death(exit_code, last_words, LIMITS)
    assert (error.reason, error.happened) == (reason, happened)


def test_the_others_say_what_they_are() -> None:
    assert beyond_memory(LIMITS).happened == "takes more than 3.0 GB of memory"
    assert beyond_time(LIMITS).happened == "takes more than 2.5 seconds"
    assert raised("KeyError", "").happened == "cannot be read (KeyError)"
    assert bad_answer("is odd").reason is Reason.ANSWER
    assert str(bad_answer("is odd")).startswith("What was to be read is odd: name another one")
