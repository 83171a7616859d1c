"""Train a grid of GPT-Neo models with the callback attached, measure every saved state, tabulate and plot.

Run it as ``accelerate launch recipes/tinystories_grid.py``; ``--help`` lists what can be changed.
"""

from __future__ import annotations

import dataclasses
import sys
import warnings
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import torch
import typer
from accelerate.state import PartialState
from accelerate.utils import broadcast_object_list
from filelock import FileLock
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from nc_hf.errors import NCError, StudyError
from nc_hf.report.figures.style import save_figure
from nc_hf.runtime.files import write_text
from nc_hf.study.analysis.against_loss import loss_figure
from nc_hf.study.analysis.results import read_results
from nc_hf.study.cost import shard
from nc_hf.study.display import StudyProgress, duration
from nc_hf.study.grid import Cell, Study, load_study
from nc_hf.study.launchers import Launcher
from nc_hf.study.launchers.local import run_local
from nc_hf.study.ledger import Ledger
from nc_hf.study.training import process_batch, training_arguments

PRESETS = Path(__file__).parent / "presets"
SETTINGS = {"width": "width", "depth": "depth", "epochs": "epochs", "saved_epoch": "state"}
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
PLAN_CAPTION = """saved: states kept and measured; parameters: counted on the model; GiB: memory
of one process, float32: weights, gradients, Adam, and what the backward pass
keeps; time: training and measuring at the speed of a few steps that were run
here for each width."""
FIGURE = ("nc1_cdnv_median", "nc4_agreement")


class Launchers(StrEnum):
    """Where cells can run."""

    local = "local"
    ray = "ray"


def run_study(study: Study, cells: Sequence[Cell], output: Path, launcher: Launcher, console: Console) -> None:
    """Run the cells that are not done, then write results.csv, the table and the figure.

    Raises:
        StudyError: cells failed; all the others were run, and what is done was reported.
    """
    process = PartialState()
    for cell in cells:  # what cannot be trained is refused before anything is
        process_batch(study, cell)
    for cell in cells[:1]:
        training_arguments(study, cell, output)
    with process.main_process_first():
        ledger = Ledger(output, study)
    if process.is_main_process:
        for cell in filter(ledger.is_done, cells):
            ledger.tidy(cell)
    todo = [cell for cell in cells if not ledger.is_done(cell)]
    todo.sort(key=lambda cell: ledger.failure(cell) is not None)  # what failed before comes last
    todo = broadcast_object_list([todo])[0]  # other jobs may finish a cell while processes look
    progress = StudyProgress(cells, ledger, console)
    process.wait_for_everyone()
    if todo:
        with progress:
            launcher(study, todo, ledger, progress)
    if process.is_main_process:
        report(ledger, output, console)
    if progress.failures:
        raise StudyError(
            f"{len(progress.failures)} of {len(cells)} cells failed ({summary(progress.failures)}): "
            f"read {output / 'failures'}, and start again to go on with them."
        )


def summary(failures: dict[Cell, str]) -> str:
    """Name the first failed cell, and why it failed."""
    cell, why = next(iter(failures.items()))
    return f"{cell.name}: {why.rstrip('.')}" + (", and others" if len(failures) > 1 else "")


def report(ledger: Ledger, output: Path, console: Console) -> None:
    """Write results.csv and the figure of NC1 and NC4 against validation loss, and print the table."""
    with FileLock(output / ".report.lock"):  # jobs that share the folder may end together
        frame = pd.DataFrame(ledger.rows())
        if frame.empty:
            console.print("no cell is done yet")
            return
        write_text(output / "results.csv", frame.to_csv(index=False))
        write_text(output / "timings.csv", pd.DataFrame(ledger.timings()).to_csv(index=False))
        figure = loss_figure(read_results(output / "results.csv"), FIGURE)
        written = [output / "results.csv", output / "timings.csv", *save_figure(figure, output, "collapse_vs_loss")]
    several = frame[["weight_decay", "seed"]].nunique().max() > 1
    table = Table(title="Every saved checkpoint", box=SIMPLE_HEAD, padding=(0, 0, 0, 1))
    for title in (*(["cell @ state"] if several else SETTINGS.values()), *SHOWN.values()):
        table.add_column(title, justify="right", no_wrap=True)
    for row in frame.to_dict("records"):
        cell = Cell(*(row[field.name] for field in dataclasses.fields(Cell)))
        settings = [f"{cell.name}@{row['saved_epoch']}"] if several else [f"{row[name]:g}" for name in SETTINGS]
        table.add_row(*settings, *(five_wide(row[name]) for name in SHOWN))
    console.print(table)
    console.print(CAPTION, highlight=False)
    for path in written:
        console.print(f"wrote {path}")


def print_plan(study: Study, cells: list[Cell], console: Console) -> None:
    """Print what the study would do: its cells, and what each costs."""
    from nc_hf.study.plan import plan_cells, text_size

    size = text_size(study)
    plans = plan_cells(study, cells, size)
    table = Table(title="What would run", box=SIMPLE_HEAD, padding=(0, 0, 0, 1))
    for title in ("cell", "saved", "batch", "parameters", "M tokens", "GiB", "time"):
        table.add_column(title, justify="left" if title == "cell" else "right", no_wrap=True)
    for plan in plans:
        tokens = "unknown" if plan.tokens is None else three_digits(plan.tokens / 1e6)
        time = "unknown" if plan.seconds is None else duration(plan.seconds)
        shape = (plan.cell.name, f"{plan.states}", f"{plan.batch_size}", f"{plan.parameters:,}")
        table.add_row(*shape, tokens, three_digits(plan.memory / 2**30), time)
    console.print(table)
    blocks = "" if size.train is None else f"{size.train:,} blocks to train on and {size.validation:,} to validate, "
    console.print(f"text: {blocks}{size.note}", highlight=False, soft_wrap=True)
    console.print(f"{len(plans)} cells, {sum(plan.states for plan in plans)} measured states", highlight=False)
    if size.train is not None:
        total = duration(sum(plan.seconds or 0 for plan in plans))
        console.print(f"one after another on this machine ({machine()}): {total}", highlight=False, soft_wrap=True)
    console.print(PLAN_CAPTION, highlight=False)


def machine() -> str:
    """Name what this process computes on."""
    if torch.cuda.is_available():
        return str(torch.cuda.get_device_name())
    threads = torch.get_num_threads()
    return f"{threads} CPU thread{'s' if threads > 1 else ''}"


def five_wide(value: float) -> str:
    """Write a number in five characters where it is below 100.

    >>> five_wide(3.7384), five_wide(10.8361)
    ('3.738', '10.84')
    """
    return f"{value:.3f}" if abs(value) < 9.9995 else f"{value:.2f}"


def three_digits(value: float) -> str:
    """Write a number with three digits, or all before the point.

    >>> three_digits(0.0213), three_digits(16.5567), three_digits(4697.4)
    ('0.02', '16.6', '4,697')
    """
    return f"{value:,.{2 if value < 9.995 else 1 if value < 99.95 else 0}f}"


def numbers(text: str | None) -> list[str] | None:
    """Split a comma-separated option."""
    return None if text is None else text.split(",")


def shard_of(study: Study, text: str | None) -> list[Cell]:
    """Return the cells of shard i/n, or all.

    Raises:
        StudyError: the text is not i/n with 1 <= i <= n.
    """
    if text is None:
        return study.cells
    index, _, count = text.partition("/")
    if not (index.isdecimal() and count.isdecimal()):
        raise StudyError(f"--shard is {text!r}: write it as i/n, such as 1/4.")
    return shard(study, int(index), int(count))


def main(
    preset: Annotated[str, typer.Option(help="A name in recipes/presets, or a YAML file.")] = "smoke",
    output: Annotated[Path | None, typer.Option(help="Folder of the study; the same folder goes on with it.")] = None,
    corpus: Annotated[str | None, typer.Option(help="builtin, tinystories, a path, or hub:ID.")] = None,
    tokenizer: Annotated[str | None, typer.Option(help="builtin, train, a folder, or a Hub id.")] = None,
    widths: Annotated[str | None, typer.Option(help="Such as 32,64.")] = None,
    depths: Annotated[str | None, typer.Option(help="Such as 1,2.")] = None,
    epochs: Annotated[str | None, typer.Option(help="Training lengths, such as 1,3.")] = None,
    weight_decays: Annotated[str | None, typer.Option(help="Such as 0.0005,0.1.")] = None,
    seeds: Annotated[str | None, typer.Option(help="Such as 0,1,2.")] = None,
    setting: Annotated[list[str] | None, typer.Option("--set", help="Any other setting, as name=value.")] = None,
    part: Annotated[str | None, typer.Option("--shard", help="Run part i of n, counted from 1: 1/4 to 4/4.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the cells and what they cost; run none.")] = False,
    launcher: Annotated[Launchers, typer.Option(help="Run cells here, or as Ray tasks.")] = Launchers.local,
    ray_address: Annotated[str | None, typer.Option(help="Ray: cluster to join; a local one otherwise.")] = None,
    cpus_per_cell: Annotated[float, typer.Option(min=0, help="Ray: CPUs that a cell takes.")] = 1.0,
    gpus_per_cell: Annotated[
        float | None, typer.Option(min=0, help="Ray: share of a GPU that a cell takes; a whole one, if there is any.")
    ] = None,
    retries: Annotated[int, typer.Option(min=0, help="Ray: times that a cell is begun again.")] = 3,
) -> None:
    """Run the width x depth x epochs study of Linguistic Collapse (arXiv 2405.17767)."""
    others: dict[str, Any] = dict(item.partition("=")[::2] for item in setting or [])
    axes = {"widths": widths, "depths": depths, "epochs": epochs, "weight_decays": weight_decays, "seeds": seeds}
    overrides = {"corpus": corpus, "tokenizer": tokenizer} | {name: numbers(value) for name, value in axes.items()}
    process = PartialState(cpu=not torch.cuda.is_available())
    console = Console(quiet=not process.is_main_process)
    warnings.filterwarnings("ignore", message=".*pin_memory.*")
    try:
        path = Path(preset) if preset.endswith((".yaml", ".yml")) else PRESETS / f"{preset}.yaml"
        study = load_study(path, overrides | others)
        cells = shard_of(study, part)
        if dry_run:
            print_plan(study, cells, console)
            return
        run: Launcher = run_local
        if launcher is Launchers.ray:
            from nc_hf.study.launchers.ray import ray_launcher

            run = ray_launcher(
                address=ray_address, cpus_per_cell=cpus_per_cell, gpus_per_cell=gpus_per_cell, retries=retries
            )
        run_study(study, cells, output or Path("runs") / path.stem, run, console)
    except NCError as error:
        if process.is_main_process:
            print(f"tinystories_grid: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    except KeyboardInterrupt:
        if process.is_main_process:
            print("\ntinystories_grid: interrupted; the same command goes on from here.", file=sys.stderr)
        raise SystemExit(130) from None
    finally:
        if torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()


if __name__ == "__main__":
    typer.run(main)
