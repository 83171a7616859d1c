"""How fast the Space answers: cold starts, a kept result, a fresh analysis, eight at once, and the page meanwhile.

    python benchmarks/space.py

Needs the real checkpoint and stories beside the checkout; the Hub is the stand-in of the tests. Run it on an idle
machine.
"""

# ruff: noqa: E402  the tests are found, and the Hub's clients pointed at the stand-in, before these are imported

from __future__ import annotations

import sys
import tempfile
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

STARTS = 5
ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.hub.fixtures import STAND_IN  # isort: skip  first: it points the Hub's clients at the stand-in
from gradio_client import Client

from tests.hub.models import gpt2_files
from tests.space import STORIES, Space, add_real_data


def start() -> float:
    """Seconds from the command to the page."""
    with tempfile.TemporaryDirectory() as folder:
        space = Space(Path(folder), STAND_IN)
        space.close()
        return space.started_in


def ask(space: Space, model: str, **asked: object) -> float:
    """Seconds that one request takes."""
    client = Client(space.url, verbose=False)
    began = time.perf_counter()
    client.submit(model, api_name="/measure", **asked).result()
    return time.perf_counter() - began


def memory(space: Space) -> int:
    """Most bytes that the Space has held at once."""
    status = Path(f"/proc/{space.process.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) * 1024


def main() -> None:
    STAND_IN.clear()
    add_real_data(STAND_IN, ROOT.parent / "shared" / "data")
    for number in range(8):
        STAND_IN.add(f"eight/model{number}", gpt2_files(number))
    starts = [start() for _ in range(STARTS)]
    print(f"cold start, command to page          {median(starts):6.2f} s, {min(starts):.2f} to {max(starts):.2f}")
    with tempfile.TemporaryDirectory() as folder:
        space = Space(Path(folder), STAND_IN)
        try:
            print(f"stories260K, 50,000 tokens, first    {ask(space, STORIES, max_tokens=50_000):6.2f} s")
            print(f"the same again, kept                 {ask(space, STORIES, max_tokens=50_000):6.2f} s")
            before, waits, done = memory(space), [], threading.Event()

            def look() -> None:
                while not done.is_set():
                    began = time.perf_counter()
                    with urllib.request.urlopen(space.url, timeout=60):
                        waits.append(time.perf_counter() - began)
                    time.sleep(0.2)

            watcher = threading.Thread(target=look)
            watcher.start()
            began = time.perf_counter()
            with ThreadPoolExecutor(8) as pool:
                models = [f"eight/model{number}" for number in range(8)]
                list(pool.map(lambda model: ask(space, model, corpus="builtin", max_tokens=20_000), models))
            print(f"eight at once, 20,000 tokens each    {time.perf_counter() - began:6.2f} s")
            done.set()
            watcher.join()
            print(f"the page meanwhile, longest wait     {max(waits):6.2f} s")
            print(f"memory, peak before and after        {before / 1e9:6.2f} GB, {memory(space) / 1e9:.2f} GB")
        finally:
            space.close()


if __name__ == "__main__":
    main()
