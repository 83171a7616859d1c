"""``nc-hf study run``, and the same under ``accelerate launch recipes/tinystories_grid.py``: run a study's cells."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from dataclasses import MISSING, Field
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from nc_hf.errors import NCError
from nc_hf.errors.remedies import FrontEnd

CELLS, WHOLE = "What is trained (each takes a list: 32,64)", "What is measured, and how it is run"
KEYWORD = inspect.Parameter.KEYWORD_ONLY


class Launchers(StrEnum):
    """Where cells can run."""

    local = "local"
    ray = "ray"


def run_study_command(
    preset: Annotated[str, typer.Argument(help="smoke, mini, paper and so on, or a YAML file.")] = "smoke",
    output: Annotated[Path | None, typer.Option(help="Folder of the study; the same folder goes on with it.")] = None,
    part: Annotated[str | None, typer.Option("--shard", help="Run part i of n, counted from 1: 1/4 to 4/4.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the cells and what they cost; run none.")] = False,
    launcher: Annotated[Launchers, typer.Option(help="Run cells here, or as Ray tasks.")] = Launchers.local,
    ray_address: Annotated[str | None, typer.Option(help="Ray: cluster to join; a local one otherwise.")] = None,
    cpus_per_cell: Annotated[float, typer.Option(min=0, help="Ray: CPUs that a cell takes.")] = 1.0,
    gpus_per_cell: Annotated[
        float | None, typer.Option(min=0, help="Ray: share of a GPU that a cell takes; a whole one, if there is any.")
    ] = None,
    retries: Annotated[int, typer.Option(min=0, help="Ray: times that a cell is begun again.")] = 3,
    **overrides: str | None,
) -> None:
    """Train a grid of models with the callback attached, measure every saved state, tabulate and plot.

    A preset is a study: `paper` is that of Linguistic Collapse (arXiv 2405.17767). Any of its settings can be given
    here, one value or several, and then the grid has every combination.
    """
    import nc_hf.study.analysis  # noqa: F401  # where its extra is missing that is said first
    from nc_hf.study.command import cells_of, check_cells, run_study, study_command
    from nc_hf.study.launchers.local import run_local
    from nc_hf.study.launchers.ray import ray_launcher
    from nc_hf.study.plan import print_plan
    from nc_hf.study.preset import load_study, preset_path

    with study_command(Path(sys.argv[0]).stem) as console:
        study = load_study(preset, overrides)
        cells = cells_of(study, part)
        folder = output or Path("runs") / preset_path(preset).stem
        check_cells(study, cells, folder)
        if dry_run:
            print_plan(study, cells, console)
            return
        run: Callable[..., None] = run_local
        if launcher is Launchers.ray:
            run = ray_launcher(
                address=ray_address, cpus_per_cell=cpus_per_cell, gpus_per_cell=gpus_per_cell, retries=retries
            )
        run_study(study, cells, folder, run, console)


LISTED = TyperCommand(
    "run",
    help=(run_study_command.__doc__ or "").splitlines()[0],
    rich_markup_mode="rich",
)
"""What a list of commands shows, without the options, for which the settings have to be read."""


@functools.cache
def command() -> Any:
    """Build the command, with an option for every setting from where the settings are declared."""
    from nc_hf.study.cell import settings
    from nc_hf.study.grid import whole_settings

    own = inspect.signature(run_study_command, eval_str=True)
    kept = [each for each in own.parameters.values() if each.kind is not inspect.Parameter.VAR_KEYWORD]
    options = [_option(each, CELLS) for each in settings()] + [_option(each, WHOLE) for each in whole_settings()]
    more = typer.Option(help="Further products of settings, as YAML.", rich_help_panel=WHOLE, metavar="")
    extra = inspect.Parameter("extra", KEYWORD, default=None, annotation=Annotated[str | None, more])

    def run(*args: Any, **given: Any) -> None:
        run_study_command(*args, **given)

    run.__doc__ = run_study_command.__doc__
    run.__signature__ = own.replace(parameters=[*kept, *options, extra])  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in (*kept, *options, extra)}
    app = typer.Typer(
        add_completion=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
    )
    app.command("run")(run)
    return typer.main.get_command(app)


def main() -> None:
    """Run the command by itself, as the recipe does."""
    try:
        command()(prog_name="tinystories_grid")
    except NCError as error:
        typer.echo(f"tinystories_grid: {error.told(FrontEnd.COMMAND)}", err=True)
        raise SystemExit(error.exit_code) from None


def _option(declared: Field[Any], panel: str) -> inspect.Parameter:
    """Make the option of a setting; what is not given is left to the preset."""
    words = declared.metadata["words"]
    default = "" if declared.default is MISSING else f" (default: {_shown(declared.default)})"
    name = f"--{declared.name.replace('_', '-')}"
    option = typer.Option(name, help=f"{words}{default}", rich_help_panel=panel, metavar="")
    return inspect.Parameter(declared.name, KEYWORD, default=None, annotation=Annotated[str | None, option])


def _shown(value: Any) -> str:
    """Write a default as a preset has it."""
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
