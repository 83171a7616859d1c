"""The recipe, end to end: a grid of one tiny cell, run, run again, and refused in one line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from nc_hf.study.analysis.results import metric_columns
from nc_hf.study.preset import AXES
from tests.dictionary import undocumented
from tests.paths import RECIPES

RECIPE = RECIPES / "tinystories_grid.py"
TINY = ["--width", "16", "--depth", "1", "--epochs", "1", "--vocab-size", "512", "--block-size", "64"]
TINY += ["--max-train-tokens", "8000", "--max-validation-tokens", "4000"]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, RECIPE, *arguments], capture_output=True, text=True, timeout=240, check=False
    )


@pytest.mark.slow
def test_a_tiny_grid_is_trained_measured_and_not_run_twice(tmp_path: Path) -> None:
    first = run(*TINY, "--output", str(tmp_path))
    assert first.returncode == 0, first.stderr[-2000:]
    frame = pd.read_csv(tmp_path / "results.csv")
    assert frame["saved_epoch"].tolist() == [-1, 0]
    assert frame["val_loss"].is_monotonic_decreasing
    assert frame[["nc1_cdnv", "nc2_cos_std", "nc3_cos_mean", "nc4_agreement"]].notna().all(axis=None)
    assert undocumented(frame) == []
    study = json.loads((tmp_path / "study.json").read_text(encoding="utf-8"))
    told = {name: study[name][0] for name in AXES if study[name] != [None]} | {"classes": study["classes"]}
    told["agreement_tokens"] = study["agreement_tokens"] or "all"
    assert (frame[list(told)] == pd.Series(told)).all(axis=None)
    assert frame["classes_hash"].nunique() == 1
    errors = {
        f"{name}_stderr" for name in ("val_loss", "val_accuracy", "val_calibration_error", *metric_columns(frame))
    }
    assert {name for name in frame if name.endswith("_stderr")} == errors
    assert (frame[["val_loss_stderr", "nc1_trace_ratio_stderr", "nc2_cos_std_stderr"]] > 0).all(axis=None)
    assert (tmp_path / "collapse_vs_loss.png").stat().st_size > 10_000
    before = (tmp_path / "results.csv").read_bytes()
    again = run(*TINY, "--output", str(tmp_path))
    assert again.returncode == 0
    assert "started" in first.stdout
    assert "started" not in again.stdout
    assert (tmp_path / "results.csv").read_bytes() == before


@pytest.mark.slow
def test_bad_settings_are_refused_in_one_line(tmp_path: Path) -> None:
    refused = run("--width", "30", "--output", str(tmp_path / "out"))
    assert refused.returncode == 8
    assert "does not divide among 4 heads" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["huge"], "there is no preset huge: choose causes, families, mini, paper, "),
        (["--widths", "8"], "No such option: --widths"),
        (["--shard", "3/2"], "'3/2' is no shard: write i/n with i from 1 to n"),
        (["--shard", "half"], "'half' is no shard: write i/n with i from 1 to n"),
        (["--lr-scheduler", "stairs"], "not one that the Trainer knows"),
        (["--corpus", "no/such/file.txt"], "There is no file or folder"),
        (["--max-train-tokens", "100", "--classes", "[2046, 2047]"], "give more text or other classes"),
        (["--classes", "top:1"], "pass top: with a number from 2"),
        (["--min-count", "10"], "No such option: --min-count"),
    ],
)
@pytest.mark.slow
def test_every_kind_of_bad_input_is_one_line(tmp_path: Path, arguments: list[str], said: str) -> None:
    refused = run(*arguments, "--output", str(tmp_path / "out"))
    assert refused.returncode in (2, 3, 8)
    assert said in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not (tmp_path / "out" / "checkpoints").exists()


@pytest.mark.slow
def test_a_dry_run_prints_cells_and_costs_and_writes_nothing(tmp_path: Path) -> None:
    done = run("paper", "--width", "64", "--depth", "1", "--dry-run", "--output", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr[-2000:]
    assert "01x0064_10_wd0.1_s42" in done.stdout
    assert "3,397,440" in done.stdout  # parameters as published
    assert " 470 " in done.stdout  # millions: 229,367 blocks of 2,048 tokens, once
    assert "229,367 blocks to train on" in done.stdout
    assert "…" not in done.stdout  # nothing is cut off at 80 columns
    assert "the corpus was not read" in done.stdout
    assert not (tmp_path / "out").exists()
