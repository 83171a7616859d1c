"""A results table is read back, or the file and line that spoil it are named."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nc_hf.errors import StudyError
from nc_hf.study.analysis.analyze import analyze
from nc_hf.study.analysis.results import default_metrics, metric_columns, read_results, trained
from tests.results import grid, table


def test_a_results_table_is_read_back(tmp_path: Path) -> None:
    grid().drop(columns="trained_epochs").assign(nc1_cdnv=1.0, cell="a").to_csv(tmp_path / "results.csv", index=False)
    frame = read_results(tmp_path / "results.csv")
    assert (frame["trained_epochs"] == frame["epochs"]).all()
    assert frame["cell"].eq("a").all()


def test_metrics_are_named_one_by_one_and_by_preset() -> None:
    frame = table(3, nc1_cdnv=1.0, nc4_agreement=0.5, nc2_cos_std=1.0, ood_nc1_cdnv=1.0, learning_rate=0.1)
    assert metric_columns(frame) == ["nc1_cdnv", "nc4_agreement", "nc2_cos_std"]
    assert metric_columns(frame, ["nc1_cdnv", "core"]) == ["nc1_cdnv", "nc2_cos_std", "nc4_agreement"]
    assert metric_columns(frame, ["core", "nc4_agreement"]) == ["nc2_cos_std", "nc4_agreement"]
    assert metric_columns(frame, ["ood_nc1_cdnv"]) == ["ood_nc1_cdnv"]
    assert default_metrics(frame) == ["nc2_cos_std", "nc4_agreement"]
    assert default_metrics(frame[["val_loss", "nc1_cdnv"]]) == ["nc1_cdnv"]
    with pytest.raises(StudyError, match="no column learning_rate"):
        metric_columns(frame, ["learning_rate"])
    with pytest.raises(StudyError, match="no metric of paper"):
        metric_columns(frame[["nc1_cdnv"]], ["paper"])


def test_an_infinite_value_takes_part_in_no_analysis(tmp_path: Path) -> None:
    """A metric may diverge, and then it has no mean, no rank and no spread; the loss may not."""
    spoiled = grid().drop(columns="trained_epochs").assign(nc1_cdnv=1.0, nc1_cdnv_log_mean=np.inf)
    spoiled.loc[0, "nc1_cdnv"] = -np.inf
    spoiled.to_csv(tmp_path / "results.csv", index=False)
    read = read_results(tmp_path / "results.csv")
    assert read["nc1_cdnv_log_mean"].isna().all()
    assert read["nc1_cdnv"].isna().tolist() == [True] + [False] * (len(read) - 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = analyze(read, ["full"], resamples=0)
    assert found.correlations.loc["nc1_cdnv_log_mean", "n"] == 0


def test_models_at_initialisation_can_be_left_out(tmp_path: Path) -> None:
    frame = pd.concat([table(3, nc1_cdnv=1.0), table(3, nc1_cdnv=9.0).assign(saved_epoch=-1)])
    frame.drop(columns="trained_epochs").to_csv(tmp_path / "results.csv", index=False)
    read = read_results(tmp_path / "results.csv")
    assert len(read) == 6
    assert trained(read)["nc1_cdnv"].tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows.drop(columns=["val_loss", "seed"]), "lacks seed, val_loss"),
        (lambda rows: rows.drop(columns="nc1_cdnv"), "hold no metric"),
        (lambda rows: rows.assign(nc1_cdnv="high"), "column nc1_cdnv .* holds text on line 2 \\('high'\\): put"),
        (lambda rows: rows.assign(width="wide"), "column width .* holds text on line 2"),
        (lambda rows: rows.assign(val_loss=[1.0, np.nan, 2.0]), "no val_loss on line 3"),
        (lambda rows: rows.assign(val_loss=[1.0, np.inf, 2.0]), "no val_loss on line 3"),
        (lambda rows: rows[:0], "no rows"),
    ],
)
def test_tables_that_cannot_be_analysed(tmp_path: Path, change: object, message: str) -> None:
    assert callable(change)
    change(table(3, nc1_cdnv=1.0)).to_csv(tmp_path / "results.csv", index=False)
    with pytest.raises(StudyError, match=message):
        read_results(tmp_path / "results.csv")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "there is no file {path}: "),
        (b"", "{path} is empty: "),
        (b"\x89PNG\x00\xff", "{path} is not text in UTF-8: "),
        (b"width,depth\n64,2\n64,2,3\n", "{path} is not a table in CSV: "),
        (b"width,depth\n64,2,\n64,2,\n", "the rows of {path} have more fields than its header: "),
    ],
)
def test_files_that_are_no_table(tmp_path: Path, content: bytes | None, said: str) -> None:
    path = tmp_path / "results.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(StudyError) as caught:
        read_results(path)
    assert str(caught.value) == said.format(path=path) + "give the results.csv of a study."


def test_a_folder_is_no_table(tmp_path: Path) -> None:
    with pytest.raises(StudyError) as caught:
        read_results(tmp_path)
    assert str(caught.value) == f"{tmp_path} is a folder: give the results.csv of a study."
