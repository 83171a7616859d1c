"""The template forks an inmate for each message, ends it with its leash, and says how it ended."""

from __future__ import annotations

import os
import signal
import socket
import tempfile
from contextlib import ExitStack

from nc_hf.runtime.cage.limits import Limits
from nc_hf.runtime.cage.template import STATUS, end_group, message
from tests import caged

SERVE = """
import sys
from nc_hf.runtime.cage.template import serve
serve(int(sys.argv[1]))
"""


def test_a_message_is_of_one_length_so_that_none_is_taken_for_two() -> None:
    assert len(message(Limits(), [])) == len(message(Limits(memory=1), ["a.b.c", "d"])) == 4096


def test_an_inmate_ends_with_its_leash_and_its_end_is_told() -> None:
    with caged.served(SERVE) as told_by, ExitStack() as held:
        channel, its_channel = (held.enter_context(each) for each in socket.socketpair())
        leash, its_leash = (held.enter_context(each) for each in socket.socketpair())
        words = held.enter_context(tempfile.TemporaryFile())
        descriptors = [its_channel.fileno(), words.fileno(), its_leash.fileno()]
        socket.send_fds(told_by, [message(Limits(), ["no.such.module"])], descriptors)
        its_channel.close()
        its_leash.close()
        leash.shutdown(socket.SHUT_WR)
        assert STATUS.unpack(leash.recv(STATUS.size)) == (-signal.SIGKILL,)
        assert channel.recv(1) == b""


def test_a_group_that_is_gone_is_no_error() -> None:
    child = os.posix_spawn("/bin/true", ["true"], {})
    os.waitpid(child, 0)
    end_group(child)
    assert not caged.is_there(child)
