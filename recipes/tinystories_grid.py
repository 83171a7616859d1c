"""Train a grid of GPT-Neo models with the callback attached, measure every saved state, tabulate and plot.

Run it as ``accelerate launch recipes/tinystories_grid.py``; ``--help`` lists what can be changed.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from nc_hf.study.command import cells_of, run_study, study_command
from nc_hf.study.grid import load_study
from nc_hf.study.launchers import Launcher
from nc_hf.study.launchers.local import run_local
from nc_hf.study.launchers.ray import ray_launcher
from nc_hf.study.plan import print_plan

PRESETS = Path(__file__).parent / "presets"


class Launchers(StrEnum):
    """Where cells can run."""

    local = "local"
    ray = "ray"


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
    axes = {"widths": widths, "depths": depths, "epochs": epochs, "weight_decays": weight_decays, "seeds": seeds}
    lists = {name: None if text is None else text.split(",") for name, text in axes.items()}
    others = dict(item.partition("=")[::2] for item in setting or [])
    path = Path(preset) if preset.endswith((".yaml", ".yml")) else PRESETS / f"{preset}.yaml"
    with study_command("tinystories_grid") as console:
        study = load_study(path, {"corpus": corpus, "tokenizer": tokenizer} | lists | others)
        cells = cells_of(study, part)
        if dry_run:
            print_plan(study, cells, console)
            return
        run: Launcher = run_local
        if launcher is Launchers.ray:
            run = ray_launcher(
                address=ray_address, cpus_per_cell=cpus_per_cell, gpus_per_cell=gpus_per_cell, retries=retries
            )
        run_study(study, cells, output or Path("runs") / path.stem, run, console)


if __name__ == "__main__":
    typer.run(main)
