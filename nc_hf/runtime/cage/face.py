"""Inmates as they are used: asked a function, watched while they answer, and ended with whatever they do."""

from __future__ import annotations

import os
import pickle
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Self

import nc_hf.errors
from nc_hf.errors import NCError
from nc_hf.runtime.cage import frames
from nc_hf.runtime.cage.cells import Cell, open_cell
from nc_hf.runtime.cage.frames import Answer
from nc_hf.runtime.cage.inmate import LENGTH, Question
from nc_hf.runtime.cage.limits import Limits
from nc_hf.runtime.cage.reasons import CageError, Reason, beyond_memory, beyond_time, cause_of_death, raised
from nc_hf.runtime.cage.watch import check

LOOK_SECONDS = 0.1
"""Between two looks whether an answer is still wanted."""
_KINDS = {
    name: kind for name, kind in vars(nc_hf.errors).items() if isinstance(kind, type) and issubclass(kind, NCError)
}
_PART = 1 << 20


def run(
    function: Callable[..., Answer], *arguments: object, limits: Limits | None = None, needs: Sequence[str] = ()
) -> Answer:
    """Call a function of a module in an inmate of its own.

    Args:
        function: importable by its name.
        *arguments: that can be pickled.
        limits: of the inmate; default: those of `Limits`.
        needs: modules that the function will import, beside its own.

    Returns:
        What it returned.

    Raises:
        NCError: as the function raised it.
        CageError: why there is no answer.
    """
    with Inmate(limits, needs) as inmate:
        return inmate.ask(function, *arguments)


class Inmate:
    """A process with limits that answers one question after another.

    Args:
        limits: default: those of `Limits`.
        needs: modules that the functions will import, beside that of the first.
    """

    def __init__(self, limits: Limits | None = None, needs: Sequence[str] = ()) -> None:
        """Start nothing before the first question."""
        self.limits, self._needs = limits or Limits(), needs
        self._lock = threading.Lock()
        self._cell: Cell | None = None
        self._asked_by = 0  # the process that started it
        self._kept: tuple[Any, ...] = ()  # where there are no processes to keep it
        self.closed = False

    def __enter__(self) -> Self:
        """Be closed at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the process."""
        self.close()

    def __del__(self) -> None:
        """End the process of an inmate that nobody can ask any more."""
        self.close()

    @property
    def answers(self) -> bool:
        """Whether it was asked before, by this process, and can be asked again."""
        return not self.closed and self._asked_by == os.getpid()

    def keep(self, function: Callable[..., Any], *arguments: object) -> None:
        """Call a function, whose result stays there and is the first argument of every function from then on.

        Raises:
            NCError, CageError: as `ask`.
        """
        self._exchange((True, function, arguments))

    def ask(self, function: Callable[..., Answer], *arguments: object) -> Answer:
        """Call a function.

        Raises:
            NCError: as the function raised it.
            CageError: why there is no answer. Where the function did not raise by itself, the process was ended.
        """
        return self._exchange((False, function, arguments))

    def close(self) -> None:
        """End the process, whatever it does."""
        cell, self._cell, self.closed = self._cell, None, True
        if cell is not None and self._asked_by == os.getpid():  # a fork of ours has no right to end it
            cell.kill()

    def _exchange(self, question: Question) -> Answer:
        with self._lock:
            if not hasattr(os, "fork"):
                return self._here(question)
            if self.closed or self._asked_by not in (0, os.getpid()):
                raise CageError(Reason.DIED, "was asked of a process that has ended")
            try:
                header, arrays = self._asked(question)
            except BaseException:
                self.close()
                raise
        if "refusal" in header:
            raise frames.refusal(header["refusal"], _KINDS)
        if "fault" in header:
            kind, text = frames.fault(header["fault"])
            raise beyond_memory(self.limits) if kind.endswith("MemoryError") else raised(kind, text)
        return Answer(header["value"], arrays)

    def _asked(self, question: Question) -> tuple[dict[str, Any], dict[str, frames.Array]]:
        """Ask, starting the inmate if there is none, and read the answer within the time there is."""
        until = time.monotonic() + self.limits.wall_seconds
        told = False
        if self._cell is None:
            self._asked_by = os.getpid()
            self._cell, told = open_cell(self.limits, question, self._needs)
            self._cell.channel.settimeout(LOOK_SECONDS)
        if not told:
            text = pickle.dumps(question)
            self._send(memoryview(LENGTH.pack(len(text)) + text), until)
        return frames.unpacked(lambda size: self._read(size, until), self.limits.answer_bytes)

    def _send(self, rest: memoryview, until: float) -> None:
        assert self._cell is not None
        while rest:
            try:
                rest = rest[self._cell.channel.send(rest[:_PART]) :]
            except TimeoutError:
                self._look(until)
            except OSError:
                raise self._gone() from None

    def _read(self, size: int, until: float) -> bytes:
        assert self._cell is not None
        parts: list[bytes] = []
        while size:
            try:
                part = self._cell.channel.recv(min(size, _PART))
            except TimeoutError:
                self._look(until)
                continue
            except OSError:
                part = b""
            if not part:
                raise self._gone()
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def _look(self, until: float) -> None:
        """Go on waiting only while there is time, and somebody wants to know."""
        check()
        if time.monotonic() > until:
            raise beyond_time(self.limits)

    def _gone(self) -> CageError:
        """Say why the inmate is not there any more."""
        assert self._cell is not None
        cell, self._cell = self._cell, None
        return cause_of_death(*cell.last(), self.limits)

    def _here(self, question: Question) -> Answer:
        """Answer in this process, where the system knows neither forks nor limits."""
        keep, function, arguments = question
        try:
            result = function(*self._kept, *arguments)
        except NCError:
            raise
        except MemoryError as error:
            raise beyond_memory(self.limits) from error
        except Exception as error:
            raise raised(type(error).__name__, str(error).partition("\n")[0]) from error
        if keep:
            self._kept = (result,)
            return Answer()
        answer: Answer = result
        return answer
