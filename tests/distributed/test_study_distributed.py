"""A study under ``accelerate launch`` in two processes: one ledger, and errors that are told before training."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.distributed.launcher import free_port
from tests.paths import RECIPES, ROOT

RECIPE = RECIPES / "tinystories_grid.py"
TINY = ["--width", "16", "--depth", "1", "--epochs", "1", "--vocab-size", "512", "--block-size", "64"]
TINY += ["--max-train-tokens", "8000", "--max-validation-tokens", "4000"]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def launch(output: Path, processes: int, *arguments: str, script: Path = RECIPE) -> subprocess.CompletedProcess[str]:
    start = [sys.executable]
    if processes > 1:
        start += ["-m", "accelerate.commands.launch", "--multi_gpu", "--num_machines", "1", "--mixed_precision", "no"]
        start += ["--dynamo_backend", "no", "--num_processes", str(processes), "--main_process_port", str(free_port())]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [*start, str(script), *TINY, *arguments, "--output", str(output)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600, check=False)


def test_two_processes_share_a_cell(tmp_path: Path) -> None:
    done = launch(tmp_path / "two", 2, "--save-steps", "5")
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("  started") == done.stdout.count("  done") == 1  # the other rank is silent
    assert len(list((tmp_path / "two" / "cells").iterdir())) == 1
    two = pd.read_csv(tmp_path / "two" / "results.csv")
    assert two["saved_epoch"].tolist() == [-1, 0]
    numbers = two.select_dtypes("number")
    # Infinite where a pair of means cannot be told apart, and then without an error.
    infinite = ["nc1_cdnv_log_mean", "nc1_cdnv_log_mean_stderr"]
    assert np.isfinite(numbers.drop(columns=infinite)).all(axis=None)
    assert not numbers["nc1_cdnv_log_mean"].isna().any()
    alone = launch(tmp_path / "one", 1)
    assert alone.returncode == 0, alone.stderr[-3000:]
    one = pd.read_csv(tmp_path / "one" / "results.csv")
    values = ["val_loss", "nc1_cdnv_median", "nc2_cos_std", "nc4_agreement"]
    steady = [*values, *(f"{name}_stderr" for name in values), "classes", "classes_seen"]
    assert two["classes_hash"].tolist() == one["classes_hash"].tolist()
    assert two["batch_size"].tolist() == one["batch_size"].tolist()  # blocks a step, however many processes
    assert two.loc[0, steady].to_list() == pytest.approx(one.loc[0, steady].to_list(), rel=1e-6)
    assert two["val_loss"][1] == pytest.approx(one["val_loss"][1], rel=0.01)  # the same batches, summed in parts


def test_all_processes_run_the_cells_that_the_main_one_sees(tmp_path: Path) -> None:
    script = Path(__file__).with_name("lagging_study.py")
    done = launch(tmp_path, 2, "--seed", "0,1", "--max-train-tokens", "4000", script=script)
    assert done.returncode == 0, done.stderr[-3000:]
    assert len(list((tmp_path / "cells").iterdir())) == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--max-train-tokens", "64"], "gives 1 blocks of 64 tokens for 2 processes"),
        (["--batch-size", "3"], "a batch of 3 blocks"),
    ],
)
def test_what_two_processes_cannot_share_is_refused(tmp_path: Path, arguments: list[str], said: str) -> None:
    refused = launch(tmp_path, 2, *arguments)
    assert refused.returncode != 0
    assert refused.stderr.count("tinystories_grid: ") == 1
    assert said in refused.stderr
    assert not (tmp_path / "checkpoints").exists()
