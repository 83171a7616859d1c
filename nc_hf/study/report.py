"""What a study has found so far: ``results.csv``, the figure beside it, and the table that its command prints."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from filelock import FileLock
from pandas.api.types import is_numeric_dtype
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from nc_hf.metrics.table import METRICS
from nc_hf.report.figures.style import save_figure
from nc_hf.runtime.cells import to_cell
from nc_hf.runtime.files import write_text
from nc_hf.study.analysis.figures.against_loss import loss_figure
from nc_hf.study.analysis.results import read_results
from nc_hf.study.cell import settings
from nc_hf.study.ledger import Ledger
from nc_hf.study.naming import cell_names
from nc_hf.study.sealing import edited, write_sealed

OUTCOMES = {"val_loss": "loss", "val_accuracy": "acc"}
METRIC_COLUMNS = ("nc1_cdnv_median", "nc2_cos_std", "gnc2_log_std_ratio", "nc3_cos_mean_centred", "nc4_agreement")
"""One metric a property, under whose name the table shows it."""

CAPTION = """state: epochs done less one, -1 is initialisation; loss: nats a token of
validation text; NC1: median CDNV; NC2: std of cosines; GNC2: log-kernel spread
over that of uniform directions; NC3: centred self-duality; NC4: agreement.
NC1-NC3 on training text, NC4 on validation text."""


def report(ledger: Ledger, output: Path, console: Console) -> None:
    """Write what finished cells have given into the study's folder, and print it.

    Args:
        ledger: of the study.
        output: its folder.
        console: where the table goes.
    """
    with FileLock(output / ".report.lock"):  # jobs that share the folder may end together
        frame = pd.DataFrame(ledger.rows())
        if frame.empty:
            console.print("no cell is done yet")
            return
        written = write_results(frame, pd.DataFrame(ledger.timings()), output)
    console.print(results_table(frame))
    console.print(CAPTION, highlight=False)
    for path in written:
        console.print(f"wrote {path}")


def write_results(frame: pd.DataFrame, timings: pd.DataFrame, output: Path) -> list[Path]:
    """Write ``results.csv`` with its seal, ``timings.csv`` and the figure of a metric a property against the loss.

    Returns:
        What was written; a table that was edited is kept beside the new one.
    """
    results, seconds = output / "results.csv", output / "timings.csv"
    kept = [_set_aside(results)] if results.exists() and edited(results) else []
    write_sealed(results, csv_of(frame))
    write_text(seconds, csv_of(timings))
    figure = loss_figure(read_results(results))
    return [results, seconds, *save_figure(figure, output, "collapse_vs_loss"), *kept]


def csv_of(frame: pd.DataFrame) -> str:
    """Return a table as CSV in which no text is taken for a formula."""
    texts = [str(name) for name in frame if not is_numeric_dtype(frame[name])]
    cells = {name: pd.Series([to_cell(each) for each in frame[name]], frame.index, object) for name in texts}
    return frame.assign(**cells).to_csv(index=False)


def _set_aside(table: Path) -> Path:
    """Give a table that somebody edited a name of its own."""
    return table.replace(table.with_suffix(".edited.csv"))


def results_table(frame: pd.DataFrame) -> Table:
    """Show a row for each saved state; where more than its size and length differs, under the name of its cell."""
    shown = OUTCOMES | {name: METRICS[name].family for name in METRIC_COLUMNS}
    told = _told(frame)
    table = Table(title="Every saved checkpoint", box=SIMPLE_HEAD, padding=(0, 0, 0, 1))
    for title in (*told, *shown.values()):
        table.add_column(title, justify="right", no_wrap=True)
    for place, row in enumerate(frame.to_dict("records")):
        table.add_row(*(column[place] for column in told.values()), *(five_wide(row[name]) for name in shown))
    return table


def _told(frame: pd.DataFrame) -> dict[str, list[str]]:
    """Return the columns that tell the rows apart, by their titles."""
    within = bool((frame["saved_epoch"] % 1).any())  # states within epochs are told by their steps
    state, title = ("saved_step", "step") if within else ("saved_epoch", "state")
    columns = {"width": "width", "depth": "depth", "epochs": "epochs", state: title}
    if not frame[list(columns)].duplicated().any():
        return {title: [f"{value:g}" for value in frame[name]] for name, title in columns.items()}
    present = [each.name for each in settings() if each.name in frame]
    names = cell_names([dict(zip(present, row, strict=True)) for row in frame[present].itertuples(index=False)])
    return {f"cell @ {title}": [f"{name}@{value:g}" for name, value in zip(names, frame[state], strict=True)]}


def five_wide(value: float) -> str:
    """Write a number in five characters where it is below 100.

    >>> five_wide(3.7384), five_wide(10.8361)
    ('3.738', '10.84')
    """
    return f"{value:.3f}" if abs(value) < 9.9995 else f"{value:.2f}"
