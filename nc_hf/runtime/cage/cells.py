"""Where inmates live: forked here where this process has one thread, else by the template."""

from __future__ import annotations

import os
import socket
import tempfile
import threading
import time
import warnings
from collections.abc import Sequence
from importlib import import_module
from typing import IO, Protocol

from nc_hf.runtime.cage.inmate import Question, live
from nc_hf.runtime.cage.limits import Limits
from nc_hf.runtime.cage.starting import tell_template
from nc_hf.runtime.cage.template import STATUS, end_group, message

_END_SECONDS, _LOOK_SECONDS = 5.0, 0.01
_LAST_WORDS = 1 << 16  # the traceback of an allocator is long, and what it failed at stands before it
_HARMLESS_THREADS = ("TMonitor",)  # tqdm's, which sleeps, and holds nothing that an inmate would use


class Cell(Protocol):
    """An inmate that was started, and how to end it."""

    channel: socket.socket

    def kill(self) -> None:
        """End it, whatever it does."""

    def last(self) -> tuple[int | None, bytes]:
        """Return how an inmate ended that closed its channel (its exit code, if known), and its last words."""


def open_cell(limits: Limits, first: Question, needs: Sequence[str] = ()) -> tuple[Cell, bool]:
    """Start an inmate.

    Threads of libraries do not keep this process from being forked: allocators and Python itself see to their locks,
    and the pools of such threads are not used by an inmate.

    Args:
        limits: that it lives within.
        first: the first question.
        needs: modules that it imports; that is done once for all, here or by the template.

    Returns:
        Its cell, and whether it has its first question already.
    """
    others = [thread for thread in threading.enumerate() if thread is not threading.current_thread()]
    if all(type(thread).__name__ in _HARMLESS_THREADS for thread in others):
        for module in needs:
            import_module(module)
        try:
            return _Forked(limits, first), True
        except OSError:  # where memory is never promised twice a large process cannot be forked, but a small one can
            pass
    return _Templated(limits, [*needs, first[1].__module__]), False


class _Forked:
    """An inmate that this process forked."""

    def __init__(self, limits: Limits, first: Question) -> None:
        self.channel, theirs = socket.socketpair()
        self._words = tempfile.TemporaryFile()
        try:
            with theirs, warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # of threads that are not Python's
                self._inmate = os.fork()
                if self._inmate == 0:
                    live(theirs.fileno(), self._words.fileno(), limits, first)
        except OSError:
            self._close()
            raise

    def kill(self) -> None:
        end_group(self._inmate)
        os.waitpid(self._inmate, 0)
        self._close()

    def last(self) -> tuple[int | None, bytes]:
        until = time.monotonic() + _END_SECONDS
        done = status = 0
        while not done and time.monotonic() < until:
            done, status = os.waitpid(self._inmate, os.WNOHANG)
            time.sleep(0 if done else _LOOK_SECONDS)
        words = _end_of(self._words)
        if not done:
            self.kill()
            return None, words
        self._close()
        return os.waitstatus_to_exitcode(status), words

    def _close(self) -> None:
        self.channel.close()
        self._words.close()


class _Templated:
    """An inmate that the template forked; letting go of its leash kills it."""

    def __init__(self, limits: Limits, modules: Sequence[str]) -> None:
        self.channel, theirs = socket.socketpair()
        self._leash, its_leash = socket.socketpair()
        self._words = tempfile.TemporaryFile()
        try:
            with theirs, its_leash:
                descriptors = [theirs.fileno(), self._words.fileno(), its_leash.fileno()]
                tell_template(message(limits, modules), descriptors)
        except BaseException:
            self.kill()
            raise

    def kill(self) -> None:
        self._leash.close()
        self.channel.close()
        self._words.close()

    def last(self) -> tuple[int | None, bytes]:
        self._leash.settimeout(_END_SECONDS)
        try:
            told = self._leash.recv(STATUS.size)
        except OSError:
            told = b""
        words = _end_of(self._words)
        self.kill()
        return STATUS.unpack(told)[0] if told else None, words


def _end_of(words: IO[bytes]) -> bytes:
    size = words.seek(0, os.SEEK_END)
    words.seek(max(0, size - _LAST_WORDS))
    return words.read(_LAST_WORDS)
