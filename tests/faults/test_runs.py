"""Runs broken off at moments drawn by recorded seeds: given again, each finds what an unbroken one finds."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.faults.children import Child, Ended
from tests.faults.conftest import Meet
from tests.faults.outcomes import CRASHED, HUNG, REFUSED, SAME, WRONG
from tests.faults.runs import WORK, begin_measure, command, make_shared, measured
from tests.hub.fixtures import STAND_IN
from tests.hub.models import gpt2_files
from tests.hub.server import Fault, StandIn

pytestmark = pytest.mark.slow

KILLS = 2 if int(os.environ.get("NC_FAULTS", "360")) < 2000 else 4
MOMENTS = [
    *(("SIGKILL", seed) for seed in range(KILLS)),
    *((by, seed) for by in ("SIGINT", "SIGTERM") for seed in range(KILLS // 2)),
]
"""By what signal each run is broken off, and the seed of the moment."""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shared")
    make_shared(folder)
    return folder


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory, shared: Path) -> Callable[[str], tuple[Any, float]]:
    """What each run finds when nothing happens to it, and the seconds that it takes; each is run once."""
    found: dict[str, tuple[Any, float]] = {}

    def of(name: str) -> tuple[Any, float]:
        if name not in found:
            folder = tmp_path_factory.mktemp("unbroken")
            ended = run(name, folder, shared)
            assert ended.code == 0, ended.said
            truth = WORK[name].result(folder)
            assert truth is not None
            found[name] = truth, ended.seconds
        return found[name]

    return of


def run(name: str, folder: Path, shared: Path, room: int | None = None) -> Ended:
    return started(name, folder, shared, room).wait()


def started(name: str, folder: Path, shared: Path, room: int | None = None) -> Child:
    return Child(lambda: WORK[name].begin(folder, shared), folder / "said.txt", room)


def judged(first: Ended, again: Ended, found: Any, truth: Any) -> tuple[str, str]:
    """Say what came of a run that something happened to, and was given again."""
    if first.code is None or again.code is None:
        return HUNG, first.said + again.said
    if first.crashed or again.crashed:
        return CRASHED, first.said + again.said
    return (SAME, "") if again.code == 0 and found == truth else (WRONG, f"{again.said} {found!r:.500}")


@pytest.mark.parametrize(("by", "seed"), MOMENTS, ids=[f"{by}-seed{seed}" for by, seed in MOMENTS])
@pytest.mark.parametrize("name", WORK)
def test_broken_off_and_given_again(
    name: str,
    by: str,
    seed: int,
    shared: Path,
    tmp_path: Path,
    unbroken: Callable[[str], tuple[Any, float]],
    meet: Meet,
) -> None:
    truth, seconds = unbroken(name)
    chance = random.Random(f"{name} {by} {seed}")
    child = started(name, tmp_path, shared)
    time.sleep(chance.uniform(0.05, 0.95) * seconds)
    child.kill(signal.Signals[by])
    first = child.wait()
    half = WORK[name].result(tmp_path)  # whole or not there, whatever the moment was
    assert half is None or half == truth or name == "study"
    if by == "SIGINT" and first.code != 0:
        assert first.code in (130, -signal.SIGINT), first.said
    again = run(name, tmp_path, shared)
    meet(name, by, *judged(first, again, WORK[name].result(tmp_path), truth))


@pytest.mark.parametrize("name", ["measure", "trajectory", "study", "page's store"])
def test_a_full_disk(
    name: str, shared: Path, tmp_path: Path, unbroken: Callable[[str], tuple[Any, float]], meet: Meet
) -> None:
    truth, _ = unbroken(name)
    first = run(name, tmp_path, shared, WORK[name].room)
    assert first.code not in (0, 1), first.said
    again = run(name, tmp_path, shared)
    meet(name, "disk full", *judged(first, again, WORK[name].result(tmp_path), truth))


@pytest.mark.parametrize("name", ["measure", "trajectory"])
def test_two_on_one_folder(
    name: str, shared: Path, tmp_path: Path, unbroken: Callable[[str], tuple[Any, float]], meet: Meet
) -> None:
    """One works and finds what it finds alone; the other says in a sentence that it does not."""
    truth, _ = unbroken(name)
    one = started(name, tmp_path, shared)
    deadline = time.monotonic() + 30
    while not list(tmp_path.rglob(".nc_hf.lock")) and time.monotonic() < deadline:
        time.sleep(0.005)
    other = Child(lambda: WORK[name].begin(tmp_path, shared), tmp_path / "other.txt").wait()
    first = one.wait()
    assert (first.code, other.code) == (0, 6), first.said + other.said
    assert "is in use by another run: wait until that has ended" in other.sentence
    meet(name, "two writers", *judged(other, first, WORK[name].result(tmp_path), truth))


def test_two_writers_of_the_page_s_results(
    shared: Path, tmp_path: Path, unbroken: Callable[[str], tuple[Any, float]], meet: Meet
) -> None:
    name = "page's store"
    truth, _ = unbroken(name)
    children = [
        Child(lambda: WORK[name].begin(tmp_path, shared), tmp_path / f"said{number}.txt") for number in range(2)
    ]
    one, other = [child.wait() for child in children]
    assert (one.code, other.code) == (0, 0), one.said + other.said
    meet(name, "two writers", *judged(one, other, WORK[name].result(tmp_path), truth))


@pytest.mark.parametrize(
    ("pattern", "fault"),
    [
        ("model.safetensors", {"cut_after": 5000}),
        ("tokenizer.json", {"cut_after": 100}),
        ("model.safetensors", {"status": 0}),
        ("api/models", {"status": 0}),
    ],
    ids=["weights cut", "tokenizer cut", "weights broken off", "no answer"],
)
def test_the_network_cut(
    pattern: str, fault: dict[str, int], hub: StandIn, shared: Path, tmp_path: Path, meet: Meet
) -> None:
    hub.add("owner/tiny", gpt2_files())

    def begin(folder: Path) -> Child:
        folder.mkdir(exist_ok=True)
        arguments = ["measure", "owner/tiny", "--corpus", shared / "text.txt", "--max-tokens", "2000", "--block-size"]
        files = ["--output", folder / "report.json", "--save-statistics", folder / "run.safetensors", "--quiet"]
        return Child(
            lambda: command(*arguments, "64", "--device", "cpu", "--classes", "top:20", *files), folder / "said.txt"
        )

    STAND_IN.faults = [Fault(pattern, times=100, **fault)]
    first = begin(tmp_path / "run").wait()
    assert first.code not in (0, 1), first.said
    assert measured(tmp_path / "run") is None
    STAND_IN.faults = []
    again = begin(tmp_path / "run").wait()
    assert begin(tmp_path / "unbroken").wait().code == 0
    truth, found = measured(tmp_path / "unbroken"), measured(tmp_path / "run")
    meet("measure of the Hub", "network cut", *judged(first, again, found, truth))


PLACES: dict[str, Callable[[Path], list[object]]] = {
    "a file in the folder's place": lambda folder: ["--checkpoint", made(folder / "kept")],
    "a file on the folder's way": lambda folder: ["--checkpoint", made(folder / "kept") / "deeper"],
    "a folder in the file's place": lambda folder: ["--output", folder],
    "a folder in the statistics' place": lambda folder: ["--save-statistics", folder],
    "a file system that takes nothing": lambda folder: ["--output", Path("/proc/nc_hf/report.json")],
    "a checkpoint where nothing is taken": lambda folder: ["--checkpoint", Path("/proc/nc_hf")],
    "a name that is too long": lambda folder: ["--output", folder / ("n" * 300)],
    "a checkpoint with too long a name": lambda folder: ["--checkpoint", folder / ("n" * 300)],
    "a device that is full": lambda folder: ["--output", Path("/dev/full/report.json")],
}


def made(path: Path) -> Path:
    path.write_text("mine")
    return path


@pytest.mark.parametrize("place", PLACES)
def test_where_nothing_can_be_written_that_is_one_sentence(
    place: str, shared: Path, tmp_path: Path, meet: Meet
) -> None:
    options = PLACES[place](tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    base = ["measure", shared / "model", "--corpus", shared / "text.txt", "--max-tokens", "2000", "--block-size", "64"]
    said = tmp_path.parent / f"{tmp_path.name}.txt"
    ended = Child(lambda: command(*base, "--quiet", "--classes", "top:20", *options), said).wait()
    outcome = HUNG if ended.code is None else CRASHED if ended.crashed else REFUSED
    meet("measure", "no place to write", outcome, f"{place}: {ended.said}")
    assert ended.code == 6, ended.said
    assert ended.said.count("\n") == 1, ended.said
    assert ended.sentence.startswith("nc-hf: ")
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("name", ["日本語 é", "=1+1", "- x", "a'b\"c", "ends.", "\N{PILE OF POO}", "tab\there"])
def test_foreign_names(
    name: str, shared: Path, tmp_path: Path, unbroken: Callable[[str], tuple[Any, float]], meet: Meet
) -> None:
    truth, _ = unbroken("measure")
    folder = tmp_path / name
    folder.mkdir()
    ended = Child(lambda: begin_measure(folder, shared), tmp_path / "said.txt").wait()
    meet("measure", "foreign name", *judged(ended, ended, measured(folder), truth))
