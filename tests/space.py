"""The Space as visitors meet it: a process of its own, started by ``nc-hf space``, beside the Hub's stand-in."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from nc_hf.space.request import Request, parse_request
from nc_hf.space.settings import Settings
from tests.hub.fixtures import STAND_IN
from tests.hub.repository import Content, files_of
from tests.hub.server import StandIn
from tests.paths import ROOT

Made = TypeVar("Made")

NC_HF = Path(sys.executable).with_name("nc-hf")
STORIES = "karpathy/stories260K"
START_SECONDS = 280
LIMIT = 1_000_000

ZERO_GPU = '''
"""The Hub's module of this name, as far as visitors notice it: what crosses to the process with the GPU is pickled, and
of an error only the name of its kind comes back. (By the wrapper of generators in spaces 0.51.)
"""

import functools
import pickle

import gradio as gr


def GPU(duration):
    def decorate(task):
        print("A function waits for the GPU", flush=True)

        @functools.wraps(task)
        def run(*args):
            print("The GPU is taken", flush=True)
            steps = task(*pickle.loads(pickle.dumps(args)))
            try:
                while True:
                    try:
                        step = pickle.dumps(next(steps))
                    except StopIteration:
                        return
                    except Exception as fault:
                        raise gr.Error(type(fault).__name__) from None
                    yield pickle.loads(step)
            finally:
                steps.close()

        return run

    return decorate


gradio_auto_wrap = lambda function: function
'''
"""Written beside ``app.py`` as ``spaces.py``."""


class Space:
    """A running Space.

    Attributes:
        url: of the page.
        home: its ``HF_HOME``: everything that it fetches and keeps lies in there.
        temporary: its folder for temporary files.
        started_in: seconds from the command to the first answer.
    """

    def __init__(
        self, folder: Path, hub: StandIn, app: Path | None = None, program: Path = NC_HF, **environment: str
    ) -> None:
        """Start it, from ``app`` as on the Hub or else with ``program space``, and wait for its page."""
        self.home, self.temporary, self._log = folder / "home", folder / "tmp", folder / "space.log"
        self.temporary.mkdir(parents=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/"
        settings = {
            **os.environ,
            "HF_ENDPOINT": hub.url,
            "HF_HOME": str(self.home),
            "TMPDIR": str(self.temporary),
            "GRADIO_ANALYTICS_ENABLED": "False",
            "HF_HUB_DOWNLOAD_TIMEOUT": "5",
            "GRADIO_SERVER_NAME": "127.0.0.1",
            "GRADIO_SERVER_PORT": str(port),
            **environment,
        }
        local = [str(program), "space", "--port", str(port), "--no-browser"]
        command = local if app is None else [sys.executable, str(app)]
        began = time.monotonic()
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(command, env=settings, stdout=log, stderr=log)
        self.started_in = self._wait(began)

    @property
    def log(self) -> str:
        """What it printed so far."""
        return self._log.read_text(errors="replace")

    @property
    def alive(self) -> bool:
        """Whether it still answers."""
        if self.process.poll() is not None:
            return False
        with urllib.request.urlopen(self.url, timeout=20) as answer:
            return bool(answer.status == 200)

    def fetched(self) -> set[str]:
        """Repositories in its cache, and files that did not come whole."""
        cache = self.home / "hub"
        return {path.name for path in [*cache.glob("*--*"), *cache.glob(".locks/*--*"), *cache.rglob("*.incomplete")]}

    def forget(self) -> None:
        """Empty its cache."""
        shutil.rmtree(self.home / "hub", ignore_errors=True)

    def close(self) -> None:
        """End it."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def _wait(self, began: float) -> float:
        while time.monotonic() - began < START_SECONDS:
            if self.process.poll() is not None:
                break
            try:
                with urllib.request.urlopen(self.url, timeout=5):
                    return time.monotonic() - began
            except OSError:
                time.sleep(0.1)
        self.close()
        raise RuntimeError(f"the Space did not start:\n{self.log}")


@pytest.fixture(scope="session")
def space(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Space]:
    """One Space for all tests of a session; it points at the stand-in, which each test fills anew."""
    pytest.importorskip("gradio")
    running = Space(tmp_path_factory.mktemp("space"), STAND_IN)
    yield running
    running.close()


def request_for(
    model: str = "a/b", revision: str = "", corpus: str = "builtin", text: str = "", **other: object
) -> Request:
    """A request as a visitor writes it; ``other`` may be ``max_tokens``, ``preset`` and ``layers``."""
    budget, preset, layers = other.get("max_tokens", 2_000), other.get("preset", "core"), other.get("layers", "final")
    return parse_request(model, revision, corpus, text, budget, preset, limit=LIMIT, layers=layers)  # type: ignore[arg-type]


def settings_in(folder: Path) -> Settings:
    """An owner's settings, for results in a folder."""
    return Settings(folder, None, LIMIT, max_bytes=10**9, cache_bytes=10**9, max_waiting=8)


def start_on_zero_gpu(folder: Path, **environment: str) -> Space:
    """Start a copy of the Space's repository as the Hub does on ZeroGPU."""
    repository = folder / "repository"
    shutil.copytree(ROOT / "spaces" / "collapse_meter", repository)
    (repository / "spaces.py").write_text(ZERO_GPU)
    return Space(folder, STAND_IN, repository / "app.py", SPACES_ZERO_GPU="true", **environment)


def made(make: Callable[[], Made]) -> Made:
    """Call what makes a page, where a loop runs: elsewhere Gradio makes loops of its own and never closes them."""

    async def run() -> Made:
        return make()

    return asyncio.run(run())


def stories_files(shared_data: Path) -> dict[str, Content]:
    """The real checkpoint, as the files of a repository."""
    return files_of(shared_data / "models" / "stories260K")


def add_real_data(hub: StandIn, shared_data: Path) -> None:
    """Put the real checkpoint and the real stories on the stand-in."""
    hub.add(STORIES, stories_files(shared_data))
    stories = shared_data / "tinystories" / "validation.jsonl"
    hub.add("roneneldan/TinyStories", {"data/validation.jsonl": stories}, kind="dataset")
