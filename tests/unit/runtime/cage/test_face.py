"""Inmates as they are used: each way in which one can fail to answer has its reason, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import struct
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nc_hf.errors import CancelledError, HubError
from nc_hf.errors.remedies import FrontEnd
from nc_hf.runtime.cage import CageError, Inmate, Limits, Reason, run, watched
from tests import caged

SMALL = Limits(memory=1 << 27, cpu_seconds=1, wall_seconds=30, answer_bytes=1 << 16)
FAST = Limits(wall_seconds=0.3)
SENSELESS = struct.pack("!QQ", 4, 0) + b"nope"


def test_what_a_function_returns_comes_back() -> None:
    answer = run(caged.double, 4)
    assert answer.value == 8
    assert answer.arrays["numbers"].tolist() == [0, 1, 2, 3]


def test_an_inmate_keeps_what_it_made_and_is_one_process() -> None:
    with Inmate() as inmate:
        inmate.keep(caged.itself, 40)
        assert [inmate.ask(caged.add, number).value for number in (2, 3)] == [42, 43]


FAILURES: dict[str, tuple[Callable[..., Any], tuple[Any, ...], Limits, Reason, str]] = {
    "memory": (caged.hoard, (), SMALL, Reason.MEMORY, "more than 0.1 GB of memory"),
    "memory, told by Rust": (caged.abort_for_want_of_memory, (), SMALL, Reason.MEMORY, "0.1 GB of memory"),
    "computing": (caged.spin, (), SMALL, Reason.COMPUTING, "more than 1 seconds of computing"),
    "time": (caged.wait, (), FAST, Reason.TIME, "more than 0.3 seconds"),
    "a signal": (caged.kill_oneself, (signal.SIGSEGV,), SMALL, Reason.DIED, "ends the process that reads it (SIGSEGV)"),
    "killed": (caged.kill_oneself, (signal.SIGKILL,), SMALL, Reason.DIED, "killed by the system"),
    "an exit": (caged.leave, (3,), SMALL, Reason.DIED, "exit code 3"),
    "a long answer": (caged.flood, (1 << 17,), SMALL, Reason.ANSWER, "more than 65,536 bytes"),
    "a long text": (caged.talk, (1 << 21,), SMALL, Reason.ANSWER, "more than 1,048,576 bytes"),
    "a lie": (caged.lie, (SENSELESS,), SMALL, Reason.ANSWER, "answer without sense"),
    "an error": (caged.blunder, (), SMALL, Reason.RAISED, "cannot be read (ValueError: first line)"),
}


@pytest.mark.slow
@pytest.mark.parametrize("failure", FAILURES)
def test_each_failure_has_its_reason_and_leaves_nothing_behind(failure: str) -> None:
    function, arguments, limits, reason, said = FAILURES[failure]
    run(caged.double, 1)  # the template is there before anything is counted
    files, children = caged.open_files(), caged.children()
    with pytest.raises(CageError) as caught:
        run(function, *arguments, limits=limits)
    assert caught.value.reason is reason
    assert said in caught.value.happened
    assert caught.value.told(FrontEnd.COMMAND).count(".") >= 1
    assert caged.open_files() == files
    assert caught.value.exit_code == 6
    assert caged.soon(lambda: caged.children() == children)
    assert run(caged.double, 3).value == 6  # and the next one is none the worse


def test_an_error_of_ours_comes_back_as_itself() -> None:
    with pytest.raises(HubError) as caught:
        run(caged.refuse)
    assert caught.value.told(FrontEnd.PAGE_WITH_LOGIN) == (
        "It is gated: accept its conditions on a page, then log in with an account that has access."
    )


def test_an_error_does_not_end_the_inmate_and_a_stop_does() -> None:
    with Inmate(Limits(wall_seconds=3)) as inmate:  # enough for a busy machine to answer what is answered at once
        inmate.keep(caged.itself, 1)
        with pytest.raises(CageError, match="ValueError"):
            inmate.ask(caged.itself_blunders)
        assert inmate.ask(caged.add, 1).value == 2
        assert inmate.answers
        with pytest.raises(CageError, match="seconds"):
            inmate.ask(caged.waits_with)
        assert not inmate.answers
        with pytest.raises(CageError, match="has ended"):
            inmate.ask(caged.add, 1)


def test_what_is_called_off_ends_at_once_and_its_process_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The inmate's own child has to go with it."""
    monkeypatch.chdir(tmp_path)
    asked = threading.Event()

    def check() -> None:
        if asked.is_set():
            raise CancelledError("Called off: start again.")

    def call_off() -> None:
        caged.soon(lambda: (tmp_path / "child").exists() and (tmp_path / "child").read_text() != "")
        asked.set()

    threading.Thread(target=call_off, daemon=True).start()
    with pytest.raises(CancelledError), watched(check):
        run(caged.start_a_child, limits=Limits(wall_seconds=1000))
    child = int((tmp_path / "child").read_text())
    assert caged.soon(lambda: not caged.is_running(child))


def test_an_interrupt_leaves_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    inmate = Inmate()
    pid = inmate.ask(caged.process).value

    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), watched(interrupt):
        inmate.ask(caged.wait)
    assert caged.soon(lambda: not caged.is_there(pid))
    assert inmate.closed


def test_an_inmate_that_nobody_holds_is_ended() -> None:
    inmate = Inmate()
    pid = inmate.ask(caged.process).value
    assert caged.is_there(pid)
    del inmate
    assert caged.soon(lambda: not caged.is_there(pid))


def test_a_fork_of_ours_has_no_inmate_of_its_own_and_ends_none() -> None:
    said = caged.with_one_thread(
        """
import os
from nc_hf.runtime.cage import CageError, Inmate
from tests import caged
inmate = Inmate()
inmate.keep(caged.itself, 1)
if (child := os.fork()) == 0:
    try:
        inmate.ask(caged.add, 1)
    except CageError:
        inmate.close()
        os._exit(7)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
print(inmate.ask(caged.add, 1).value)
"""
    )
    assert said == "2"


def test_where_nothing_forks_it_is_read_here_and_told_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "fork")
    with Inmate() as inmate:
        inmate.keep(caged.itself, 1)
        assert inmate.ask(caged.add, 1).value == 2
    assert run(caged.process).value == os.getpid()
    with pytest.raises(CageError, match="ValueError: first line"):
        run(caged.blunder)
    with pytest.raises(HubError):
        run(caged.refuse)
    with pytest.raises(CageError) as caught:
        run(caged.raises_for_memory)
    assert caught.value.reason is Reason.MEMORY


def test_several_threads_ask_at_once() -> None:
    answers: list[int] = []
    threads = [threading.Thread(target=lambda n=n: answers.append(run(caged.double, n).value)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [0, 2, 4, 6, 8, 10]


def test_a_question_of_any_length_is_asked() -> None:
    text = "a" * 5_000_000
    assert run(caged.length, text).value == len(text)
