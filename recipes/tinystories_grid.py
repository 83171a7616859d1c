"""Train a grid of GPT-Neo models with the callback attached, measure every saved checkpoint, tabulate and plot.

Run it as ``accelerate launch recipes/tinystories_grid.py``; ``--help`` lists what can be changed.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import torch
import typer
from accelerate.state import PartialState
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from nc_hf.errors import NCError
from nc_hf.files import write_text
from nc_hf.study.figures import loss_figure
from nc_hf.study.grid import Study, load_study
from nc_hf.study.ledger import Ledger
from nc_hf.study.results import read_results
from nc_hf.study.runner import open_text, run_cell
from nc_hf.style import save_figure

PRESETS = Path(__file__).parent / "presets"
SHOWN = {
    "val_loss": "loss",
    "val_accuracy": "acc",
    "nc1_cdnv_median": "NC1",
    "nc2_cos_std": "NC2",
    "gnc2_log_std_ratio": "GNC2",
    "nc3_cos_mean_centred": "NC3",
    "nc4_agreement": "NC4",
}
CAPTION = """state: epochs done less one, -1 is initialisation; loss: nats a token of
validation text; NC1: median CDNV; NC2: std of cosines; GNC2: log-kernel spread
over that of uniform directions; NC3: centred self-duality; NC4: agreement.
NC1-NC3 on training text, NC4 on validation text."""
FIGURE = ("nc1_cdnv_median", "nc4_agreement")


def run_study(study: Study, output: Path, console: Console) -> None:
    """Run the cells that are not done, then write results.csv, the table and the figure."""
    ledger, process = Ledger(output, study), PartialState()
    todo = [cell for cell in study.cells if not ledger.is_done(cell)]
    text = open_text(study) if todo else None
    process.wait_for_everyone()
    for number, cell in enumerate(todo, start=1):
        assert text is not None
        console.print(f"[bold]{cell.name}[/bold]  cell {number} of {len(todo)}")
        rows = run_cell(study, cell, text, ledger.cell_folder(cell), quiet=not process.is_main_process)
        if process.is_main_process:
            ledger.record(cell, rows)
        process.wait_for_everyone()
    if process.is_main_process:
        report(ledger, output, console)


def report(ledger: Ledger, output: Path, console: Console) -> None:
    """Write results.csv and the figure of NC1 and NC4 against validation loss, and print the table."""
    frame = pd.DataFrame(ledger.rows())
    write_text(output / "results.csv", frame.to_csv(index=False))
    table = Table(title="Every saved checkpoint", box=SIMPLE_HEAD, padding=(0, 0, 0, 1))
    for title in ("width", "depth", "epochs", "state", *SHOWN.values()):
        table.add_column(title, justify="right", no_wrap=True)
    for row in frame.to_dict("records"):
        settings = (row["width"], row["depth"], row["epochs"], row["saved_epoch"])
        table.add_row(*map(str, settings), *(five_wide(row[name]) for name in SHOWN))
    console.print(table)
    console.print(CAPTION, highlight=False)
    figure = loss_figure(read_results(output / "results.csv"), FIGURE)
    for path in [output / "results.csv", *save_figure(figure, output, "collapse_vs_loss")]:
        console.print(f"wrote {path}")


def five_wide(value: float) -> str:
    """Write a number in five characters where it is below 100.

    >>> five_wide(3.7384), five_wide(10.8361)
    ('3.738', '10.84')
    """
    return f"{value:.3f}" if abs(value) < 9.9995 else f"{value:.2f}"


def numbers(text: str | None) -> list[str] | None:
    """Split a comma-separated option."""
    return None if text is None else text.split(",")


def main(
    preset: Annotated[str, typer.Option(help="A name in recipes/presets, or a YAML file.")] = "smoke",
    output: Annotated[Path | None, typer.Option(help="Folder of the study; the same folder goes on with it.")] = None,
    corpus: Annotated[str | None, typer.Option(help="builtin, tinystories, a path, or hub:ID.")] = None,
    tokenizer: Annotated[str | None, typer.Option(help="builtin, a folder, or a Hub id.")] = None,
    widths: Annotated[str | None, typer.Option(help="Such as 32,64.")] = None,
    depths: Annotated[str | None, typer.Option(help="Such as 1,2.")] = None,
    epochs: Annotated[str | None, typer.Option(help="Training lengths, such as 1,3.")] = None,
    weight_decays: Annotated[str | None, typer.Option(help="Such as 0.0005,0.1.")] = None,
    seeds: Annotated[str | None, typer.Option(help="Such as 0,1,2.")] = None,
    setting: Annotated[list[str] | None, typer.Option("--set", help="Any other setting, as name=value.")] = None,
) -> None:
    """Run the width x depth x epochs study of Linguistic Collapse (arXiv 2405.17767)."""
    others: dict[str, Any] = dict(item.partition("=")[::2] for item in setting or [])
    axes = {"widths": widths, "depths": depths, "epochs": epochs, "weight_decays": weight_decays, "seeds": seeds}
    overrides = {"corpus": corpus, "tokenizer": tokenizer} | {name: numbers(value) for name, value in axes.items()}
    process = PartialState(cpu=not torch.cuda.is_available())
    console = Console(quiet=not process.is_main_process)
    warnings.filterwarnings("ignore", message=".*pin_memory.*")
    try:
        path = Path(preset) if preset.endswith(".yaml") else PRESETS / f"{preset}.yaml"
        run_study(load_study(path, overrides | others), output or Path("runs") / path.stem, console)
    except NCError as error:
        print(f"tinystories_grid: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    finally:
        if torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()


if __name__ == "__main__":
    typer.run(main)
