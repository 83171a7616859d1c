"""The recipe, end to end: a grid of one tiny cell, run, run again, and refused in one line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

RECIPE = Path(__file__).resolve().parents[2] / "recipes" / "tinystories_grid.py"
TINY = ["--widths", "16", "--depths", "1", "--epochs", "1", "--set", "vocab_size=512", "--set", "block_size=64"]
TINY += ["--set", "max_train_tokens=8000", "--set", "max_validation_tokens=4000", "--set", "min_count=3"]


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
    assert (tmp_path / "collapse_vs_loss.png").stat().st_size > 10_000
    before = (tmp_path / "results.csv").read_bytes()
    again = run(*TINY, "--output", str(tmp_path))
    assert again.returncode == 0
    assert "cell 1" not in again.stdout
    assert (tmp_path / "results.csv").read_bytes() == before


def test_bad_settings_are_refused_in_one_line(tmp_path: Path) -> None:
    refused = run("--widths", "30", "--output", str(tmp_path / "out"))
    assert refused.returncode == 8
    assert "does not divide among 4 heads" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not (tmp_path / "out").exists()
