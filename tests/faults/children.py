"""A run in a child of this process, which has all libraries already: it can be killed, stopped, or find no room."""

from __future__ import annotations

import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from nc_hf.errors import NCError
from tests.faults.outcomes import PATIENCE

Run = Callable[[], object]


@dataclass(frozen=True)
class Ended:
    """How a child ended.

    Attributes:
        code: its exit code; below zero the signal that killed it, None if it had to be killed since it hung.
        said: what it wrote to both streams.
        seconds: it took.
    """

    code: int | None
    said: str
    seconds: float

    @property
    def sentence(self) -> str:
        """The last line that it said."""
        return (self.said.strip().splitlines() or [""])[-1]

    @property
    def crashed(self) -> bool:
        """Whether it ended in a way that nobody foresaw."""
        return "Traceback (most recent call last)" in self.said or self.code == 1


class Child:
    """A run that has begun.

    Args:
        run: what it does; a SystemExit is its exit code.
        log: file for what it says.
        room: the most bytes that a file of it may have.
    """

    def __init__(self, run: Run, log: Path, room: int | None = None) -> None:
        """Begin it."""
        self._log, self._began = log, time.monotonic()
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            os._exit(_live(run, log, room))

    def kill(self, number: int) -> None:
        """Send it a signal, if it still runs."""
        os.kill(self.pid, number)

    def wait(self) -> Ended:
        """Wait for its end."""
        while time.monotonic() - self._began < PATIENCE:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return self._ended(os.waitstatus_to_exitcode(status))
            time.sleep(0.005)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        return self._ended(None)

    def _ended(self, code: int | None) -> Ended:
        said = self._log.read_text(encoding="utf-8", errors="replace")
        return Ended(code, said, time.monotonic() - self._began)


def _live(run: Run, log: Path, room: int | None) -> int:
    """Be the child."""
    try:
        file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, 1)
        os.dup2(file, 2)
        sys.stdin = open(os.devnull)
        sys.stdout, sys.stderr = (os.fdopen(number, "w", buffering=1, closefd=False) for number in (1, 2))
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if room is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
        run()
        return 0
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except NCError as fault:  # of what is no command, and told by the page or a program
        print(fault)
        return fault.exit_code
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
