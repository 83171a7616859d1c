"""Two hundred visitors of the page in one run: are all answered rightly, while the page stays quick, its memory flat?

    python benchmarks/visitors.py [VISITORS]

Each visitor opens the page and asks for one of six tiny models, at a moment drawn from the first ``ARRIVE`` seconds;
whoever finds the queue full comes again. What is answered is compared with `nc_hf.measure` to the last digit. The Hub
is the stand-in of the tests.
"""

from __future__ import annotations

import random
import sys
import tempfile
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import quantiles

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.hub.fixtures import STAND_IN  # isort: skip  first: it points the Hub's clients at the stand-in
from gradio_client import Client

from nc_hf import measure
from tests.hub.models import gpt2_files
from tests.space import Space

VISITORS = 200
MODELS = 6
ARRIVE = 30.0
WAITING = 8  # analyses that may wait; few, so that some visitors are turned away
TOKENS = 2_000
NOTED = 50  # answers after which the memory is noted
FULL = ("are waiting already", "Queue is full", "queue_full")


def memory(space: Space) -> float:
    """Megabytes that the Space holds now."""
    status = Path(f"/proc/{space.process.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


class Run:
    """One run with its tallies."""

    def __init__(self, space: Space, expected: dict[str, dict[str, float]]) -> None:
        self.space, self.expected = space, expected
        self.right, self.wrong, self.turned_away = 0, 0, 0
        self.waits: list[float] = []
        self.held: list[float] = []
        self.longest_queue = 0
        self._lock = threading.Lock()

    def visit(self, visitor: int) -> None:
        """Open the page and ask, until there is an answer."""
        drawn = random.Random(visitor)
        time.sleep(drawn.uniform(0, ARRIVE))
        model = f"many/model{drawn.randrange(MODELS)}"
        client = Client(self.space.url, verbose=False, httpx_kwargs={"timeout": 120})
        while True:
            job = client.submit(model, corpus="builtin", max_tokens=TOKENS, api_name="/measure")
            try:
                answer = job.result()
            except Exception as refused:
                if not any(said in str(refused) for said in FULL):
                    raise
                with self._lock:
                    self.turned_away += 1
                time.sleep(drawn.uniform(1, 3))
                continue
            break
        told = [step.get("ahead", 0) for step in job.outputs() if isinstance(step, dict)]
        values = {name: metric["value"] for name, metric in answer["metrics"].items()}
        with self._lock:
            self.longest_queue = max([self.longest_queue, *told])
            self.right += values == self.expected[model]
            self.wrong += values != self.expected[model]
            if (self.right + self.wrong) % NOTED == 0:
                self.held.append(memory(self.space))

    def watch(self, done: threading.Event) -> None:
        """Open the page again and again, and note how long each time takes."""
        while not done.wait(0.2):
            began = time.perf_counter()
            with urllib.request.urlopen(self.space.url, timeout=60) as answer:
                answer.read()
            self.waits.append(time.perf_counter() - began)


def main() -> None:
    visitors = int(sys.argv[1]) if sys.argv[1:] else VISITORS
    STAND_IN.clear()
    expected = {}
    for number in range(MODELS):
        STAND_IN.add(f"many/model{number}", gpt2_files(number))
        report = measure(f"many/model{number}", "builtin", max_tokens=TOKENS, progress=False)
        expected[f"many/model{number}"] = {name: metric.value for name, metric in report.metrics.items()}
    with tempfile.TemporaryDirectory() as folder:
        space = Space(Path(folder), STAND_IN, NC_HF_SPACE_MAX_WAITING=str(WAITING))
        try:
            Client(space.url, verbose=False).predict("many/model0", "", "builtin", api_name="/measure")
            run, done, began = Run(space, expected), threading.Event(), time.perf_counter()
            before = memory(space)
            watcher = threading.Thread(target=run.watch, args=[done])
            watcher.start()
            with ThreadPoolExecutor(visitors) as pool:
                list(pool.map(run.visit, range(visitors)))
            took = time.perf_counter() - began
            done.set()
            watcher.join()
        finally:
            space.close()
    cuts = quantiles(run.waits, n=20)
    print(f"visitors, models                     {visitors}, {MODELS}")
    print(f"answered rightly, wrongly            {run.right}, {run.wrong}")
    print(f"longest queue, of at most            {run.longest_queue}, {WAITING}; found it full {run.turned_away} times")
    print(f"all answered after                   {took:6.1f} s")
    print(f"the page: median, 95 %, longest      {cuts[9]:6.2f} s, {cuts[18]:.2f} s, {max(run.waits):.2f} s")
    print(f"memory before, after each 50 answers {before:6.0f} MB, {', '.join(f'{held:.0f}' for held in run.held)}")
    if run.wrong or run.longest_queue > WAITING:
        sys.exit("an answer is wrong, or the queue grew beyond its bound")


if __name__ == "__main__":
    main()
