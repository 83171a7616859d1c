"""The life of an inmate, from the fork to its end: it leaves behind what it does not need, and answers questions."""

from __future__ import annotations

import ctypes
import fcntl
import logging
import os
import pickle
import re
import signal
import socket
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from nc_hf.errors import NCError
from nc_hf.runtime.cage.frames import Answer, packed, packed_fault, packed_refusal
from nc_hf.runtime.cage.limits import Limits, allow_computing, confine

Question = tuple[bool, Callable[..., Any], tuple[Any, ...]]
"""Whether the result is kept for later questions, or is the answer; a function and its arguments."""

LENGTH = struct.Struct("!Q")
_SECRET = re.compile(r"TOKEN$|SECRET|PASSWORD|CREDENTIAL|API_KEY|ACCESS_KEY", re.IGNORECASE)
_NEW_USER, _NEW_NETWORK = 0x10000000, 0x40000000  # flags of unshare(2)
_DEATH_SIGNAL = 1  # of prctl(2)
_FIRST_OTHER = 3  # the first descriptor that is no standard one


def live(channel: int, last_words: int, limits: Limits, first: Question | None = None) -> NoReturn:
    """Answer questions until nobody asks any more; called in a child that was just forked.

    Args:
        channel: descriptor of the socket that questions come by.
        last_words: descriptor of the file that standard error goes to.
        limits: to live within.
        first: the first question, which then comes without being pickled.
    """
    done = 1
    try:
        _leave_behind(*_only_these(channel, last_words), limits)
        confine(limits)
        _answer_all(socket.socket(fileno=_FIRST_OTHER), limits, first)
        done = 0
    finally:  # nothing of the process that was forked may run: no handlers of its exit, nothing further up
        os._exit(done)


def _only_these(channel: int, last_words: int) -> tuple[int, int]:
    """Move two descriptors above the standard ones, so that neither is overwritten by the other."""
    return fcntl.fcntl(channel, fcntl.F_DUPFD, 10), fcntl.fcntl(last_words, fcntl.F_DUPFD, 10)


def _leave_behind(channel: int, last_words: int, limits: Limits) -> None:
    """Give up the terminal, open files, secrets, the network, handlers of signals and of logging."""
    os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor, place in ((nothing, 0), (nothing, 1), (last_words, 2), (channel, _FIRST_OTHER)):
        os.dup2(descriptor, place)
    os.closerange(_FIRST_OTHER + 1, os.sysconf("SC_OPEN_MAX"))
    sys.stdin, sys.stdout, sys.stderr = (
        open(place, mode, closefd=False) for place, mode in ((0, "r"), (1, "w"), (2, "w"))
    )
    logging.disable(logging.CRITICAL)
    if not limits.network:
        for name in [name for name in os.environ if _SECRET.search(name)]:
            del os.environ[name]
        os.environ["HF_HUB_OFFLINE"] = "1"
    if sys.platform == "linux":
        _ask_linux(limits)
    if "torch" in sys.modules:  # the threads of its pools were not forked, and would be waited for
        sys.modules["torch"].set_num_threads(1)


def _ask_linux(limits: Limits) -> None:
    """Have no network, die with whoever asks, and be the first to go when memory runs out; as far as Linux lets us.

    An account other than root gets a network of its own, an empty one, with a space of accounts of its own, which root
    would lose its way to the files of others in.
    """
    libc = ctypes.CDLL(None)
    if not limits.network:
        libc.unshare(_NEW_NETWORK | (_NEW_USER if os.geteuid() else 0))
    libc.prctl(_DEATH_SIGNAL, signal.SIGKILL)
    Path("/proc/self/oom_score_adj").write_text("1000")


def _answer_all(channel: socket.socket, limits: Limits, first: Question | None) -> None:
    kept: tuple[Any, ...] = ()
    question = first or _next(channel)
    while question is not None:
        keep, function, arguments = question
        allow_computing(limits.cpu_seconds)
        try:
            result = function(*kept, *arguments)
            kept = (result,) if keep else kept
            parts = packed(Answer() if keep else result)
        except NCError as error:
            parts = packed_refusal(error)
        except BaseException as fault:  # a panic of Rust is no Exception
            parts = packed_fault(fault)
        for part in parts:
            channel.sendall(part)
        question = _next(channel)


def _next(channel: socket.socket) -> Question | None:
    """Wait for the next question; None when nobody will ask any more."""
    head = _exactly(channel, LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    question: Question = pickle.loads(_exactly(channel, LENGTH.unpack(head)[0]))
    return question


def _exactly(channel: socket.socket, size: int) -> bytes:
    """Read so many bytes, or fewer at the end."""
    parts = []
    while size and (part := channel.recv(min(size, 1 << 20))):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
