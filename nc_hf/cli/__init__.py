"""The command ``nc-hf``: one file per sub-command, each importing what is heavy only when it runs."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from nc_hf import __version__
from nc_hf.cli import study
from nc_hf.cli.card import card_command
from nc_hf.cli.compare import compare_command
from nc_hf.cli.measure import measure_command
from nc_hf.cli.merge import merge_command
from nc_hf.cli.metrics import metrics_command
from nc_hf.cli.publish import publish_command
from nc_hf.cli.space import space_command
from nc_hf.cli.trajectory import trajectory_command
from nc_hf.errors import NCError
from nc_hf.errors.remedies import FrontEnd

_EXIT_CODES = """[bold]Exit codes[/bold]
  0  done
  1  an error that nc-hf did not foresee, with its traceback
  2  an option or argument that cannot be meant, or that takes a package of an extra
  3  a corpus that is missing, empty or too short
  4  a model, head or tokenizer that cannot be measured
  5  NaN or Inf in the features, or labels beyond the head
  6  statistics or files that are damaged, too small or do not belong together
  7  the Hub: missing, closed or out of reach
  8  a study's grid, ledger or results that cannot be used
  9  one of several processes was lost, or silent for too long
130  interrupted

Results go to standard output, progress and errors to standard error."""


class Commands(TyperGroup):
    """Turns what nc_hf refuses to do into one line on standard error and the kind's exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run the sub-command."""
        try:
            return super().invoke(ctx)
        except NCError as error:
            typer.echo(f"nc-hf: {error.told(FrontEnd.COMMAND)}", err=True)
            raise typer.Exit(error.exit_code) from None
        except KeyboardInterrupt:
            typer.echo(
                "\nnc-hf: interrupted: nothing is half-written, and the same command can be given again.", err=True
            )
            raise typer.Exit(130) from None


app = typer.Typer(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    epilog=_EXIT_CODES,
)
app.command("measure")(measure_command)
app.command("trajectory")(trajectory_command)
app.command("merge")(merge_command)
app.command("compare")(compare_command)
app.command("card")(card_command)
app.command("publish")(publish_command)
app.command("space")(space_command)
app.command("metrics")(metrics_command)
app.add_typer(study.app, name="study")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"nc-hf {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and leave.", is_eager=True, callback=_show_version)
    ] = False,
) -> None:
    """Neural collapse of causal language models: NC1 to NC4 from one pass over text."""


def main() -> None:
    """Run the command line."""
    app()
