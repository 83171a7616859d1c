"""What inmates do in the tests of the cage, by name, and what is left of them when they have ended."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from nc_hf.errors import HubError
from nc_hf.errors.remedies import Remedy
from nc_hf.runtime.cage.frames import Answer
from tests.paths import ROOT


def double(number: int) -> Answer:
    return Answer(2 * number, {"numbers": np.arange(number)})


def add(kept: int, number: int) -> Answer:
    return Answer(kept + number)


def itself(value: Any) -> Any:
    return value


def hoard() -> Answer:
    held = []
    while True:
        held.append(bytearray(1 << 24))


def abort_for_want_of_memory() -> Answer:
    """As Rust ends a process that it has no memory for."""
    os.write(2, b"memory allocation of 99999999999 bytes failed\n")
    os.abort()


def spin() -> Answer:
    while True:
        pass


def wait() -> Answer:
    time.sleep(1000)
    return Answer()


def kill_oneself(number: int) -> Answer:
    os.kill(os.getpid(), number)
    return wait()


def leave(code: int) -> Answer:
    os._exit(code)


def flood(size: int) -> Answer:
    return Answer(None, {"zeros": np.zeros(size, np.uint8)})


def talk(length: int) -> Answer:
    return Answer("a" * length)


def lie(answer: bytes) -> Answer:
    """Answer with bytes of one's own, as whoever took the process over could."""
    socket.socket(fileno=os.dup(3)).sendall(answer)
    return wait()


def refuse() -> Answer:
    raise HubError("It is gated", Remedy.GATED, page="a page", sent=True)


def blunder() -> Answer:
    raise ValueError("first line\nsecond line")


def start_a_child() -> Answer:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
    Path("child").write_text(str(child.pid))
    return wait()


def write_file(path: str, size: int) -> Answer:
    Path(path).write_bytes(b"a" * size)
    return Answer()


def surroundings() -> Answer:
    """What an inmate has of the process that it came from."""
    return Answer(
        {
            "files": sorted(int(each) for each in os.listdir("/proc/self/fd")),
            "leads its session": os.getsid(0) == os.getpid(),
            "HF_TOKEN": os.environ.get("HF_TOKEN"),
            "AWS_SECRET_ACCESS_KEY": os.environ.get("AWS_SECRET_ACCESS_KEY"),
            "folder": os.getcwd(),
            "interrupt": signal.getsignal(signal.SIGINT) == signal.SIG_DFL,
        }
    )


def process() -> Answer:
    return Answer(os.getpid())


def is_there(pid: int) -> bool:
    """Whether a process is there, a zombie included."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def soon(holds: Callable[[], bool]) -> bool:
    """Whether something comes to hold; a process that was killed takes a moment to go."""
    for _ in range(500):
        if holds():
            return True
        time.sleep(0.02)
    return False


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def children() -> set[int]:
    """The children of this process, zombies included."""
    tasks = Path("/proc/self/task").glob("*/children")
    return {int(pid) for task in tasks for pid in task.read_text().split()}


def with_one_thread(code: str) -> str:
    """Run code in a process of one thread, where inmates are forked from it directly; return what it prints."""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def is_running(pid: int) -> bool:
    """Whether a process is there and no zombie, which waits for nobody but its new parent."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (OSError, IndexError):
        return False


def is_gone(pid: int) -> bool:
    return not is_running(pid)


def itself_blunders(_: object) -> Answer:
    return blunder()


def waits_with(_: object) -> Answer:
    return wait()


def raises_for_memory() -> Answer:
    raise MemoryError


def length(text: str) -> Answer:
    return Answer(len(text))


def say_something() -> Answer:
    print("to be seen by nobody", flush=True)
    os.write(1, b"nor this\n")
    os.write(2, b"nor this\n")
    return Answer()


def networks() -> Answer:
    lines = Path("/proc/net/dev").read_text().splitlines()[2:]
    return Answer([line.partition(":")[0].strip() for line in lines])


def can_unshare() -> bool:
    """Whether this system lets a process give up its network."""
    flags = 0x40000000 | (0x10000000 if os.geteuid() else 0)
    code = f"import ctypes; print(ctypes.CDLL(None).unshare({flags}))"
    return with_one_thread(code) == "0"


def pids_printed(code: str) -> list[int]:
    """Run code, however it ends, and return the process ids that it prints."""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    return [int(pid) for pid in done.stdout.split()]


@contextmanager
def served(code: str) -> Iterator[socket.socket]:
    """Run a template's code with one end of a channel, and give the other."""
    ours, theirs = socket.socketpair()
    with ours:
        arguments = [sys.executable, "-c", code, str(theirs.fileno())]
        process = subprocess.Popen(arguments, cwd=ROOT, pass_fds=[theirs.fileno()])
        theirs.close()
        yield ours
    assert process.wait(30) == 0


def process_of(_: object) -> Answer:
    return process()
