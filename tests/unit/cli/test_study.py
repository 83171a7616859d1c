"""``nc-hf study``: tables or JSON, figures, and logs that are none."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from nc_hf.cli.study import app
from nc_hf.errors import StudyError
from tests.results import grid, table, training_log


@pytest.mark.slow
def test_analyze_prints_json(tmp_path: Path) -> None:
    frame = pd.concat([grid(), *(grid()[:1].assign(seed=seed) for seed in (1, 2, 3))])
    loss = 3 + np.arange(len(frame)) ** 2 / 100
    frame = frame.assign(nc1_cdnv=1 / np.arange(1, len(frame) + 1), nc4_agreement=0.5, val_loss=loss)
    frame.to_csv(tmp_path / "results.csv", index=False)
    run = CliRunner().invoke(app, ["analyze", str(tmp_path / "results.csv"), "--json", "--metrics", "full"])
    assert run.exit_code == 0, run.output
    said = json.loads(run.stdout)
    assert {"correlations", "partial", "trends", "seeds", "spread", "varies", "verdicts", "notes"} <= set(said)
    constant = next(row for row in said["correlations"] if row["metric"] == "nc4_agreement")
    assert constant["pearson"] is None
    assert next(row for row in said["seeds"] if row["metric"] == "nc1_cdnv")["exact"] is True


@pytest.mark.slow
def test_analyze_prints_tables_and_draws(tmp_path: Path) -> None:
    frame = grid().assign(nc1_cdnv=lambda rows: np.exp(rows["val_loss"]))
    frame.to_csv(tmp_path / "results.csv", index=False)
    run = CliRunner().invoke(
        app,
        ["analyze", str(tmp_path / "results.csv"), "--resamples", "50", "--figures", str(tmp_path / "drawn")],
        env={"COLUMNS": "30"},
    )
    assert run.exit_code == 0, run.output
    lines = run.stdout.splitlines()
    assert lines[0].startswith(
        "Varies, and is controlled for: width 64, 128, 256; depth 1, 2, 4; trained_epochs 1, 3; weight"
    )
    title = lines.index("With validation loss, over all rows")
    assert lines[title + 1].split()[:5] == ["metric", "n", "clusters", "df", "Pearson"]
    assert lines[title + 2].startswith("nc1_cdnv  36         9")
    assert all(line == line.rstrip() for line in run.stdout.splitlines())
    assert "Along one setting" in run.stdout
    assert "3 seeds" in run.stdout
    assert {path.name for path in (tmp_path / "drawn").iterdir()} == {
        "loss.png", "loss.svg", "trends.png", "trends.svg"
    }  # fmt: skip


@pytest.mark.slow
def test_analyze_joins_tables_and_names_what_differs(tmp_path: Path) -> None:
    frame = grid().assign(nc4_agreement=lambda rows: 1 / rows["val_loss"], learning_rate=0.002, note="first")
    other = frame.assign(learning_rate=0.006, note="second", val_loss=frame["val_loss"] + 0.2, seed=1)
    paths = [str(tmp_path / name) for name in ("one.csv", "two.csv")]
    for rows, path in zip((frame, other), paths, strict=True):
        rows.to_csv(path, index=False)
    run = CliRunner().invoke(app, ["analyze", *paths, "--ignore", "note", "--metrics", "nc4_agreement"])
    assert run.exit_code == 0, run.output
    assert "learning_rate 0.002, 0.006" in run.stdout.splitlines()[0]
    assert "note" not in run.stdout
    assert "train one cell from more seeds" in run.stdout
    run = CliRunner().invoke(app, ["analyze", *paths, "--cluster", "folder"])
    assert run.exit_code == 2


@pytest.mark.slow
def test_compare_and_published_print_tables(shared_data: Path, tmp_path: Path) -> None:
    folder = ["--published", str(shared_data / "published")]
    frame = table(1, width=64, depth=1, nc1_cdnv_paper=0.2)
    frame.to_csv(tmp_path / "results.csv", index=False)
    run = CliRunner().invoke(app, ["compare", str(tmp_path / "results.csv"), *folder, "--json"])
    assert run.exit_code == 0, run.output
    row = next(row for row in json.loads(run.stdout)["comparison"] if row["metric"] == "nc1_cdnv_paper")
    assert row["published"] == pytest.approx(0.2170268595218658)
    assert row["cell"] == "1 x 64, 1@0, decay 0.1, seed 0"
    run = CliRunner().invoke(app, ["compare", str(tmp_path / "results.csv"), *folder], env={"COLUMNS": "20"})
    lines = run.stdout.splitlines()
    assert lines.count("1 x 64, 1@0, decay 0.1, seed 0") == 1
    assert [line.split()[0] for line in lines if line.startswith("  ")] == [
        "val_loss", "val_accuracy", "perplexity", "nc1_cdnv_paper"
    ]  # fmt: skip
    assert lines[-1].startswith("Unknown, since the table does not tell: train_tokens, measured_tokens, corpus")
    run = CliRunner().invoke(app, ["published", *folder, "--permutations", "100"], env={"COLUMNS": "120"})
    assert run.exit_code == 0, run.output
    assert "0.490278" in run.stdout
    assert "x 0.736 and x 0.992" in run.stdout


def test_curve_needs_a_log(tmp_path: Path) -> None:
    (tmp_path / "trainer_state.json").write_text('{"epoch": 1}')
    run = CliRunner().invoke(app, ["curve", str(tmp_path / "trainer_state.json"), "--figures", str(tmp_path)])
    assert isinstance(run.exception, StudyError)
    assert "trainer_state.json of a checkpoint" in str(run.exception)


@pytest.mark.slow
def test_the_command_draws_a_curve(tmp_path: Path) -> None:
    (tmp_path / "trainer_state.json").write_text(json.dumps({"log_history": training_log()}))
    run = CliRunner().invoke(app, ["curve", str(tmp_path / "trainer_state.json"), "--figures", str(tmp_path / "drawn")])
    assert run.exit_code == 0, run.output
    assert {path.name for path in (tmp_path / "drawn").iterdir()} == {"training.png", "training.svg"}


@pytest.mark.parametrize("history", [5, [5], [{"step": 1, "eval_loss": "x", "eval_nc1_cdnv": 1.0}], [[]]])
def test_a_log_that_is_none_is_refused(history: object, tmp_path: Path) -> None:
    (tmp_path / "trainer_state.json").write_text(json.dumps({"log_history": history}))
    run = CliRunner().invoke(app, ["curve", str(tmp_path / "trainer_state.json"), "--figures", str(tmp_path / "drawn")])
    assert isinstance(run.exception, StudyError)
    assert not (tmp_path / "drawn").exists()
