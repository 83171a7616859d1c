"""A process with one thread that forks inmates for a process with several, in which a fork could meet locked locks.

It is started once, imports what inmates need, and is told of each inmate by one message with three descriptors: the
inmate's channel, the file for its last words, and the *leash*. Between it and an inmate stands a keeper: it ends the
inmate when the other end of the leash is closed, however that came, and says over the leash how the inmate ended.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import struct
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from importlib import import_module
from typing import NoReturn

from nc_hf.runtime.cage.inmate import live
from nc_hf.runtime.cage.limits import Limits

STATUS = struct.Struct("!i")
_MESSAGE_BYTES = 4096  # all are of this length, so that none is taken for two
_LOOK_SECONDS = 0.05  # where the system does not tell of an end by itself


def message(limits: Limits, modules: Sequence[str]) -> bytes:
    """Return what the template is told of an inmate: its limits, the modules that it needs, and where it works."""
    told = {"limits": asdict(limits), "modules": modules, "folder": os.getcwd()}
    return json.dumps(told).encode().ljust(_MESSAGE_BYTES)


def serve(descriptor: int) -> None:
    """Fork an inmate for each message, until there are no more.

    Args:
        descriptor: of the socket that messages come by.
    """
    asked = socket.socket(fileno=descriptor)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # keepers that have ended are nobody's concern
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        text, descriptors, _, _ = socket.recv_fds(asked, _MESSAGE_BYTES, 3)
        if not text:
            return
        told = json.loads(text)
        for module in told["modules"]:
            with suppress(ImportError):  # which the inmate will tell
                import_module(module)
        if os.fork() == 0:
            asked.close()
            with suppress(OSError):
                os.chdir(told["folder"])
            channel, last_words, leash = descriptors
            _keep(channel, last_words, leash, Limits(**told["limits"]))
        for each in descriptors:
            os.close(each)


def _keep(channel: int, last_words: int, leash: int, limits: Limits) -> NoReturn:
    """Fork the inmate, wait for its end or for that of whoever asked for it, and leave."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    try:
        inmate = os.fork()
        if inmate == 0:
            os.close(leash)
            live(channel, last_words, limits)
        os.close(channel)
        os.close(last_words)
        status = _end_of(inmate, leash)
        with suppress(OSError):  # nobody may be there to be told
            os.write(leash, STATUS.pack(os.waitstatus_to_exitcode(status)))
    finally:
        os._exit(0)


def _end_of(inmate: int, leash: int) -> int:
    """Return the status of an inmate that ended, or is ended since the leash was let go."""
    watched = [leash]
    with suppress(AttributeError, OSError):  # Linux alone has it
        watched.append(os.pidfd_open(inmate))
    while True:
        ready, _, _ = select.select(watched, [], [], None if len(watched) > 1 else _LOOK_SECONDS)
        done, status = os.waitpid(inmate, os.WNOHANG)
        if done:
            return status
        if leash in ready:
            end_group(inmate)
            return os.waitpid(inmate, 0)[1]


def end_group(inmate: int) -> None:
    """Kill an inmate that was not waited for yet, and what it started."""
    for kill in (os.killpg, os.kill):  # before it has a session of its own there is no group
        with suppress(ProcessLookupError, PermissionError):
            kill(inmate, signal.SIGKILL)
