"""A rank that dies, or falls silent: the others end in the stated time with one sentence that names it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from nc_hf.errors import ProcessError
from nc_hf.runtime.attendance import VARIABLE
from tests.distributed.launcher import free_port
from tests.paths import ROOT
from tests.training import save_tiny

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
SCRIPT = Path(__file__).with_name("losing.py")
SILENCE = 4
TEXT = ["--corpus", "builtin", "--max-tokens", "3000", "--block-size", "64", "--batch-size", "4"]
STUDY = ["--width", "16", "--depth", "1", "--epochs", "3", "--vocab-size", "512", "--block-size", "64", "--seed", "0,1"]
STUDY += ["--max-train-tokens", "8000", "--max-validation-tokens", "4000"]


@contextmanager
def ranks(count: int, *arguments: object) -> Iterator[list[subprocess.Popen[str]]]:
    """Start the script as several ranks that no launcher looks after."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", VARIABLE: str(SILENCE)}
    environment |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": str(count)}
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    started = [
        subprocess.Popen(
            command,
            env=environment | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(count)
    ]
    try:
        yield started
    finally:
        for process in started:
            process.kill()
            process.communicate()


def ends_in_one_sentence(process: subprocess.Popen[str], command: str) -> str:
    """Return the sentence with which a rank ended."""
    _, said = process.communicate(timeout=400)
    assert process.returncode == ProcessError.exit_code, said
    assert "Traceback" not in said
    (sentence,) = [line for line in said.splitlines() if line.startswith(f"{command}: ")]
    return sentence.removeprefix(f"{command}: ")


@pytest.mark.parametrize("how", ["kill", "stop"])
@pytest.mark.parametrize("lost", [0, 1])
def test_a_measurement_names_the_rank(tmp_path: Path, how: str, lost: int) -> None:
    model = save_tiny(tmp_path / "model")
    with ranks(3, "measure", tmp_path, how, lost, 4, model, *TEXT, "--quiet") as started:
        said = {ends_in_one_sentence(each, "nc-hf") for rank, each in enumerate(started) if rank != lost}
    assert len(said) == 1
    # Rank 0 keeps the store through which ranks meet: what is not heard of any more is the store.
    named = "process 0" if lost == 0 else f"Process {lost} of 3 is lost, silent for {SILENCE} seconds"
    assert named in said.pop()


@pytest.mark.parametrize("how", ["kill", "stop"])
def test_a_study_names_the_rank_in_the_middle_of_a_training(tmp_path: Path, how: str) -> None:
    with ranks(2, "study", tmp_path, how, 1, 12, *STUDY, "--output", tmp_path) as started:
        sentence = ends_in_one_sentence(started[0], "tinystories_grid")
    assert sentence == f"Process 1 of 2 is lost, silent for {SILENCE} seconds: start again."
    assert not list((tmp_path / "failures").glob("*")), "a lost rank is no fault of the cell"


def test_a_training_goes_on_when_a_silent_rank_comes_back(tmp_path: Path) -> None:
    """The callback leaves the evaluation out on every rank, also on the one that was late, and measures the next."""
    with ranks(2, "callback", tmp_path, "stop", 1, 0) as started:
        first = tmp_path / "rank0.json"
        deadline = time.monotonic() + 120
        while not first.exists():
            assert started[0].poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert json.loads(first.read_text()) == [0]
        started[1].send_signal(signal.SIGCONT)
        for each in started:
            _, said = each.communicate(timeout=400)
            assert each.returncode == 0, said
    found = [json.loads((tmp_path / f"rank{rank}.json").read_text()) for rank in range(2)]
    assert found[0] == found[1]
    assert found[0][1] >= 8


def test_nobody_is_lost(tmp_path: Path) -> None:
    model = save_tiny(tmp_path / "model")
    with ranks(2, "measure", tmp_path, "none", 0, 0, model, *TEXT, "--quiet") as started:
        for each in started:
            _, said = each.communicate(timeout=400)
            assert (each.returncode, said.strip()) == (0, ""), said
