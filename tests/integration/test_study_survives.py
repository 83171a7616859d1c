"""A study killed at random moments, divided among jobs, or with a cell that fails: the table is that of an easy run."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path

import pandas as pd
import pytest

from nc_hf.corpus.stories import stories
from tests.paths import RECIPES

RECIPE = RECIPES / "tinystories_grid.py"
# Four cells of 64 steps with a checkpoint every 5, measured before, at step 3 and after each of two epochs. What has a
# state of its own (optimizers, draws of dropout, the order of the blocks, a head and a loss of ours) is in use.
TINY = ["--width", "16", "--depth", "1", "--epochs", "2", "--seed", "0", "--vocab-size", "512"]
TINY += ["--family", "gpt_neo,llama", "--optimizer", "adamw_torch,adafactor", "--dropout", "0.1", "--data-seed", "7"]
TINY += ["--head", "simplex", "--tied", "false", "--added-loss", "cdnv", "--added-weight", "0.1"]
TINY += ["--label-smoothing", "0.1", "--log-states", "2", "--log-first", "3"]
TINY += ["--block-size", "64", "--max-train-tokens", "16384", "--max-validation-tokens", "4096"]
TINY += ["--save-steps", "5", "--tokenizer", "train"]
ROWS = 4 * 4
KILLS = 5
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


SPLITS = ("train", "validation")


def text_of(folder: Path, first_seed: int) -> Path:
    folder.mkdir(exist_ok=True)
    for seed, split in enumerate(SPLITS, first_seed):
        if not (folder / f"{split}.jsonl").exists():
            lines = [json.dumps({"text": story}) + "\n" for story in islice(stories(seed), 150)]
            (folder / f"{split}.jsonl").write_text("".join(lines))
    return folder


def start(output: Path, *arguments: str) -> subprocess.Popen[str]:
    texts = ["--corpus", text_of(output.parent / "corpus", 0), "--measure-also", text_of(output.parent / "other", 2)]
    return subprocess.Popen(
        [sys.executable, RECIPE, *TINY, *arguments, *texts, "--output", str(output)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=ENVIRONMENT,
        start_new_session=True,
    )


def finish(output: Path, *arguments: str) -> tuple[int, str]:
    process = start(output, *arguments)
    text, _ = process.communicate(timeout=900)
    return process.returncode, text


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("unbroken")
    code, text = finish(output)
    assert code == 0, text[-2000:]
    return output


def files(output: Path) -> set[Path]:
    found = set()
    for part in ("checkpoints", "cells"):
        for folder, _, names in os.walk(output / part):
            found |= {Path(folder, name) for name in names}
    return found


def kill_after(process: subprocess.Popen[str], output: Path, changes: int) -> None:
    """Kill a run when its files have changed so often since it was started: while it writes, trains or measures."""
    seen = files(output)
    deadline = time.monotonic() + 600
    while changes and time.monotonic() < deadline:
        assert process.poll() is None, "the run ended before it could be killed"
        now = files(output)
        changes -= now != seen
        seen = now
        time.sleep(0.002)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def test_killed_five_times_the_table_is_that_of_an_unbroken_run(tmp_path: Path, unbroken: Path) -> None:
    moments = random.Random(20)
    done = []
    for _ in range(KILLS):
        process = start(tmp_path)
        kill_after(process, tmp_path, moments.randint(5, 60))
        done.append({path: path.stat().st_mtime_ns for path in (tmp_path / "cells").glob("*.json")})
    code, text = finish(tmp_path)
    assert code == 0, text[-2000:]
    assert (tmp_path / "results.csv").read_bytes() == (unbroken / "results.csv").read_bytes()
    assert len(pd.read_csv(tmp_path / "results.csv")) == ROWS
    for earlier in done:  # no finished cell was run again
        assert all(path.stat().st_mtime_ns == moment for path, moment in earlier.items())
    assert not any((tmp_path / "checkpoints").iterdir())


def test_two_shards_at_once_make_the_same_table(tmp_path: Path, unbroken: Path) -> None:
    jobs = [start(tmp_path, "--shard", f"{number}/2") for number in (1, 2)]
    texts = [job.communicate(timeout=900)[0] for job in jobs]
    assert [job.returncode for job in jobs] == [0, 0], texts
    assert [text.count("  started") for text in texts] == [2, 2]
    code, text = finish(tmp_path)
    assert (code, text.count("  started")) == (0, 0)
    assert (tmp_path / "results.csv").read_bytes() == (unbroken / "results.csv").read_bytes()


def test_a_failing_cell_is_told_and_the_rest_go_on(tmp_path: Path) -> None:
    arguments = ["--family", "gpt_neo", "--optimizer", "adamw_torch", "--weight-decay", "1e30,0.0005"]
    code, text = finish(tmp_path, *arguments)
    assert code == 8
    last = text.strip().splitlines()[-1]
    assert "1 of 2 cells failed (01x0016_02_wd1e+30_s0: training diverged" in last
    assert "Traceback" not in text
    assert "training diverged" in (tmp_path / "failures" / "01x0016_02_wd1e+30_s0.txt").read_text()
    assert pd.read_csv(tmp_path / "results.csv")["weight_decay"].tolist() == [0.0005] * 4
    code, text = finish(tmp_path, *arguments)
    assert (code, text.count("  started"), text.count("FAILED")) == (8, 1, 1)  # it is tried again, and no other
