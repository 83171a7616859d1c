"""What a study prints and writes of its results."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console
from rich.table import Table

from nc_hf.metrics import METRICS
from nc_hf.study.analysis.results import read_results
from nc_hf.study.cell import Cell
from nc_hf.study.grid import Study
from nc_hf.study.ledger import Ledger
from nc_hf.study.preset import load_study
from nc_hf.study.report import CAPTION, METRIC_COLUMNS, OUTCOMES, report, results_table
from nc_hf.study.table import STDERR


@pytest.fixture
def study() -> Study:
    return load_study("smoke")


def rows(cell: Cell) -> list[dict[str, object]]:
    """Two states of a cell, whose values tell the columns apart."""
    outcomes = {"val_loss": 10.8361, "val_accuracy": 0.25, "perplexity": 7.0}
    metrics = {name: number + 0.5 for number, name in enumerate(METRIC_COLUMNS)}
    return [cell.settings | {"saved_epoch": state} | outcomes | metrics for state in (-1, 0)]


def shown(table: Table) -> list[list[str]]:
    text = io.StringIO()
    Console(file=text, width=200).print(table)
    return [line.split() for line in text.getvalue().splitlines() if line.strip() and "─" not in line]


def test_the_table_names_each_property_once(study: Study) -> None:
    title, head, first, second = shown(results_table(pd.DataFrame(rows(study.cells[0]))))
    assert title == ["Every", "saved", "checkpoint"]
    assert head == ["width", "depth", "epochs", "state", "loss", "acc", "NC1", "NC2", "GNC2", "NC3", "NC4"]
    assert first == ["32", "1", "2", "-1", "10.84", "0.250", "0.500", "1.500", "2.500", "3.500", "4.500"]
    assert second[3] == "0"


def test_where_seeds_differ_the_cell_is_named(study: Study) -> None:
    one, other = study.changed(seed=(0, 1)).cells[:2]
    _, head, first, *_ = shown(results_table(pd.DataFrame(rows(one) + rows(other))))
    assert head[:4] == ["cell", "@", "state", "loss"]
    assert first[0] == f"{one.name}@-1"


def test_states_within_an_epoch_are_told_by_their_steps(study: Study) -> None:
    states = [
        row | {"saved_epoch": epoch, "saved_step": step}
        for row, epoch, step in zip(rows(study.cells[0]), (-0.5, 1), (20, 80), strict=True)
    ]
    _, head, first, second = shown(results_table(pd.DataFrame(states)))
    assert head[:5] == ["width", "depth", "epochs", "step", "loss"]
    assert (first[3], second[3]) == ("20", "80")
    one, other = study.changed(seed=(0, 1)).cells[:2]
    both = [row | cell.settings for cell in (one, other) for row in states]
    _, head, first, *_ = shown(results_table(pd.DataFrame(both)))
    assert head[:3] == ["cell", "@", "step"]
    assert first[0] == f"{one.name}@20"


@pytest.mark.slow
def test_a_report_is_written_beside_the_ledger_and_printed(tmp_path: Path, study: Study) -> None:
    text = io.StringIO()
    ledger = Ledger(tmp_path, study)
    report(ledger, tmp_path, Console(file=text, width=400))
    assert text.getvalue() == "no cell is done yet\n"
    assert not (tmp_path / "results.csv").exists()
    for cell in study.cells[:2]:
        ledger.record(cell, [row | {"train_seconds": 2.0} for row in rows(cell)])
    report(ledger, tmp_path, Console(file=text, width=400))
    assert CAPTION in text.getvalue()
    names = ["results.csv", "timings.csv", "collapse_vs_loss.png", "collapse_vs_loss.svg"]
    assert text.getvalue().splitlines()[-4:] == [f"wrote {tmp_path / name}" for name in names]
    assert all((tmp_path / name).exists() for name in names)
    assert len(pd.read_csv(tmp_path / "results.csv")) == 4
    assert pd.read_csv(tmp_path / "timings.csv")["train_seconds"].tolist() == [2.0] * 4


@pytest.mark.slow
def test_a_table_as_wide_as_a_study_makes_it_is_written_without_a_warning(tmp_path: Path, study: Study) -> None:
    values = [*OUTCOMES, *(name for name in METRICS if name not in METRIC_COLUMNS)]
    wide = {name: 0.5 for name in values} | {f"{name}{STDERR}": 0.1 for name in (*values, *METRIC_COLUMNS)}
    ledger, text = Ledger(tmp_path, study), io.StringIO()
    ledger.record(study.cells[0], [row | wide for row in rows(study.cells[0])])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report(ledger, tmp_path, Console(file=text, width=400))
    frame = pd.read_csv(tmp_path / "results.csv")
    assert (frame[[f"{name}{STDERR}" for name in METRICS]] == 0.1).all(axis=None)


@pytest.mark.slow
def test_an_edited_table_is_told_where_it_is_read_and_kept_where_it_is_written_anew(
    tmp_path: Path, study: Study, caplog: pytest.LogCaptureFixture
) -> None:
    ledger, text = Ledger(tmp_path, study), io.StringIO()
    ledger.record(study.cells[0], rows(study.cells[0]))
    report(ledger, tmp_path, Console(file=text, width=400))
    table = tmp_path / "results.csv"
    whole = table.read_text()
    assert len(read_results(table)) == 2
    assert caplog.text == ""
    table.write_text(whole.replace("10.8361", "10.8362"))
    assert len(read_results(table)) == 2
    assert "results.csv was edited since the study wrote it (2 rows then, 2 now): start the study again" in caplog.text
    report(ledger, tmp_path, Console(file=text, width=400))
    assert table.read_text() == whole
    assert (tmp_path / "results.edited.csv").read_text() == whole.replace("10.8361", "10.8362")
    assert text.getvalue().splitlines()[-1] == f"wrote {tmp_path / 'results.edited.csv'}"


@pytest.mark.slow
def test_texts_of_a_table_are_no_formulas_and_come_back(tmp_path: Path, study: Study) -> None:
    ledger = Ledger(tmp_path, study)
    ledger.record(study.cells[0], [row | {"corpus": "=1+1", "shift": -0.5} for row in rows(study.cells[0])])
    report(ledger, tmp_path, Console(file=io.StringIO(), width=400))
    raw = pd.read_csv(tmp_path / "results.csv")
    assert raw["corpus"].tolist() == ["'=1+1"] * 2
    assert raw["shift"].tolist() == [-0.5] * 2
    assert read_results(tmp_path / "results.csv")["corpus"].tolist() == ["=1+1"] * 2
