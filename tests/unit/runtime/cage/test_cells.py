"""Where inmates live: with one thread they are forked here, with several by the template; both end alike."""

from __future__ import annotations

import os
import socket
import threading

import pytest

from nc_hf.runtime.cage import run
from nc_hf.runtime.cage.cells import open_cell
from nc_hf.runtime.cage.limits import Limits
from tests import caged

FORKED = """
import tests.paths, threading
from nc_hf.runtime.cage import CageError, Limits, Reason, run
from nc_hf.runtime.cage import starting
from tests import caged
small = Limits(memory=1 << 27, cpu_seconds=1, wall_seconds=30, answer_bytes=1 << 16)
asked = [
    (caged.hoard, (), small), (caged.spin, (), small), (caged.wait, (), Limits(wall_seconds=0.3)),
    (caged.kill_oneself, (11,), small), (caged.leave, (3,), small), (caged.flood, (1 << 17,), small),
    (caged.blunder, (), small),
]
run(caged.double, 1)
files = caged.open_files()
for function, arguments, limits in asked:
    try:
        run(function, *arguments, limits=limits)
    except CageError as error:
        print(error.reason, end=" ")
print(caged.open_files() - files, caged.children(), starting._RUNNING)
"""


@pytest.mark.slow
def test_a_process_of_one_thread_forks_its_inmates_and_is_left_with_nothing() -> None:
    assert caged.with_one_thread(FORKED) == "memory computing time died died answer raised 0 set() []"


@pytest.mark.slow
def test_a_process_of_several_threads_has_its_inmates_from_the_template() -> None:
    said = caged.with_one_thread(
        "import threading\n"
        "threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
        "from nc_hf.runtime.cage import run, starting\n"
        "from tests import caged\n"
        "run(caged.process)\n"
        "print(len(caged.children()), starting._RUNNING[0].process.pid in caged.children())"
    )
    assert said == "1 True"


def test_the_template_works_where_the_process_works(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    run(caged.process)  # the template is there, and in another folder
    monkeypatch.chdir(str(tmp_path))
    assert run(caged.surroundings).value["folder"] == str(tmp_path)


@pytest.mark.parametrize("alone", [True, False])
def test_a_cell_tells_how_it_ended(alone: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if alone:
        monkeypatch.setattr(threading, "enumerate", lambda: [threading.current_thread()])
    cell, asked = open_cell(Limits(), (False, caged.leave, (5,)))
    assert asked is alone
    if not asked:
        cell.channel.shutdown(socket.SHUT_WR)  # an inmate that nobody will ask leaves by itself
    assert cell.channel.recv(1) == b""
    assert cell.last()[0] == (5 if alone else 0)
    assert cell.channel.fileno() < 0


def test_a_process_too_large_to_fork_goes_to_the_template(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> int:
        raise BlockingIOError("no memory")

    monkeypatch.setattr(threading, "enumerate", lambda: [threading.current_thread()])
    monkeypatch.setattr(os, "fork", refuse)
    files = caged.open_files()
    cell, asked = open_cell(Limits(), (False, caged.double, (2,)))
    assert not asked
    cell.kill()
    assert caged.open_files() <= files + 1  # the way to the template, if it was not there
