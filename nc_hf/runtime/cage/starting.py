"""The template of this process: started when the first inmate needs it, and again if it has ended."""

from __future__ import annotations

import atexit
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass

_END_SECONDS = 5.0
_CODE = """\
import sys
sys.path[:] = {path!r}
from nc_hf.runtime.cage.template import serve
serve({descriptor})
"""


@dataclass
class _Template:
    process: subprocess.Popen[bytes]
    told_by: socket.socket


_LOCK = threading.Lock()
_RUNNING: list[_Template] = []  # one at the most


def tell_template(message: bytes, descriptors: list[int]) -> None:
    """Send the template a message, and start it first where it is not there.

    Raises:
        OSError: it cannot be started.
    """
    with _LOCK:
        for template in _RUNNING:
            try:
                socket.send_fds(template.told_by, [message], descriptors)
                return
            except OSError:  # it was killed, for want of memory say
                _end()
        _RUNNING.append(_started())
        socket.send_fds(_RUNNING[0].told_by, [message], descriptors)


def _started() -> _Template:
    ours, theirs = socket.socketpair()
    with theirs:
        code = _CODE.format(path=sys.path, descriptor=theirs.fileno())
        process = subprocess.Popen(
            [sys.executable, "-c", code],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    return _Template(process, ours)


@atexit.register
def _end() -> None:
    """Let the template go: it ends when nobody can tell it anything any more."""
    while _RUNNING:
        template = _RUNNING.pop()
        template.told_by.close()
        try:
            template.process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            template.process.kill()
            template.process.wait()
