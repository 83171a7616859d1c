"""The template: started once, started again when it was killed, and gone with the process that it works for."""

from __future__ import annotations

import os
import signal
from functools import partial

import pytest

from nc_hf.runtime.cage import run
from nc_hf.runtime.cage.starting import _RUNNING
from tests import caged

THREADED = """
import threading
threading.Thread(target=threading.Event().wait, daemon=True).start()
from nc_hf.runtime.cage import Inmate, run
from nc_hf.runtime.cage.starting import _RUNNING
from tests import caged
inmate = Inmate()
print(inmate.ask(caged.process).value, _RUNNING[0].process.pid, flush=True)
"""


@pytest.mark.slow
def test_it_is_started_once_and_again_when_it_was_killed() -> None:
    run(caged.process)
    first = _RUNNING[0].process.pid
    run(caged.process)
    assert [each.process.pid for each in _RUNNING] == [first]
    os.kill(first, signal.SIGKILL)
    _RUNNING[0].process.wait()
    assert run(caged.double, 2).value == 4
    assert _RUNNING[0].process.pid != first


@pytest.mark.slow
def test_it_and_its_inmates_end_with_the_process() -> None:
    for end in ("", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"):
        for pid in caged.pids_printed(THREADED + end):
            assert caged.soon(partial(caged.is_gone, pid))
