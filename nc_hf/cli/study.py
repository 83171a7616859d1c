"""``nc-hf study``: analyse a study's results, hold them against what was published, and draw both."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer.core import TyperGroup

from nc_hf.cli import study_run
from nc_hf.cli.arguments import parse_names
from nc_hf.cli.written import tell_written
from nc_hf.errors import StudyError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from nc_hf.study.analysis.tables import Columns

    Tables = dict[str, tuple[str, pd.DataFrame, Columns]]


class StudyCommands(TyperGroup):
    """Adds ``run``, which is built only where it is asked for: its options are the settings of a study."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Name the sub-commands."""
        return ["run", *super().list_commands(ctx)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Find a sub-command; of ``run`` what a list of commands shows."""
        return study_run.LISTED if cmd_name == "run" else super().get_command(ctx, cmd_name)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the sub-command to run."""
        if args and args[0] == "run":
            return "run", study_run.command(), args[1:]
        return super().resolve_command(ctx, args)


app = typer.Typer(
    cls=StudyCommands, no_args_is_help=True, help="Studies: train a grid of models, measure them, analyse the table."
)

Results = Annotated[Path, typer.Argument(metavar="RESULTS.csv", help="A study's table: one row per saved checkpoint.")]
Published = Annotated[
    Path | None,
    typer.Option(metavar="PATH", help="Folder with the two published files; without it they are downloaded once."),
]
Metrics = Annotated[
    str | None, typer.Option(metavar="A,B,...", help="Only these metrics and presets: core, paper, full.")
]
Permutations = Annotated[int, typer.Option(min=1, help="Most pairings to try; all n! are when they are no more.")]
Seed = Annotated[int, typer.Option(help="Seed of the permutations and the bootstrap.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
Figures = Annotated[Path | None, typer.Option(metavar="DIR", help="Draw the figures here, as PNG and SVG.")]


@app.command("analyze")
def analyze_command(
    results: Annotated[
        list[Path],
        typer.Argument(metavar="RESULTS.csv...", help="Tables of studies, one or several: a row per saved checkpoint."),
    ],
    metrics: Metrics = None,
    cluster: Annotated[
        Literal["architecture", "run", "setting"],
        typer.Option(help="What rows must share to count as one piece of evidence in intervals and tests."),
    ] = "architecture",
    ignore: Annotated[
        str | None, typer.Option(metavar="A,B,...", help="Columns that are no settings, such as comments.")
    ] = None,
    resamples: Annotated[
        int, typer.Option(min=0, help="Bootstrap resamples of the held-out R²; 0 for no interval of it.")
    ] = 2000,
    permutations: Permutations = 1_000_000,
    seed: Seed = 0,
    require_seeds: Annotated[bool, typer.Option("--require-seeds", help="Fail if no cell has three seeds.")] = False,
    initial: Annotated[
        bool,
        typer.Option("--initial", help="Count models at initialisation in the tables too; the main figure never does."),
    ] = False,
    as_json: AsJson = False,
    figures: Figures = None,
) -> None:
    """Say how metrics go with the loss: over all rows, beyond the settings, along each, among seeds, at equal loss.

    What varies is found in the rows: every column that is no measurement and no size is a setting, and controlled for.
    """
    from nc_hf.study.analysis import tables
    from nc_hf.study.analysis.analyze import analyze
    from nc_hf.study.analysis.figures.of_analysis import analysis_figures
    from nc_hf.study.analysis.join import read_tables
    from nc_hf.study.analysis.results import trained

    frame = read_tables(results, [name.strip() for name in ignore.split(",")] if ignore else ())
    found = analyze(
        frame if initial else trained(frame),
        parse_names(metrics) or None,
        cluster=cluster,
        resamples=resamples,
        permutations=permutations,
        seed=seed,
        require_seeds=require_seeds,
    )
    said = {"varies": found.varying.lines(found.frame), "verdicts": found.verdicts, "notes": found.notes}
    show(tables.of_analysis(found), as_json, said)
    if figures:
        save(analysis_figures(found, frame), figures)


@app.command("compare")
def compare_command(results: Results, published: Published = None, as_json: AsJson = False) -> None:
    """Set each cell beside the published model of its size, training length, state and weight decay.

    The tolerance is the spread among seeds. Settings that differ from the published ones, or that the table does not
    tell, are named below.
    """
    from nc_hf.study.analysis import tables
    from nc_hf.study.analysis.against_published import compare, setup_note
    from nc_hf.study.analysis.published import load_published
    from nc_hf.study.analysis.results import read_results

    frame, models = read_results(results), load_published(published)
    table = compare(frame, models)
    table = table.assign(cell=tables.cell_names(table))
    inside = f"{int(table['within'].sum())} of {len(table)} values lie within two seed spreads of the published ones."
    title = "Beside the published models of the same size, training length, state and weight decay"
    show({"comparison": (title, table, tables.COMPARISON)}, as_json, {"notes": [inside, setup_note(frame, models)]})


@app.command("published")
def published_command(
    published: Published = None,
    permutations: Permutations = 1_000_000,
    seed: Seed = 0,
    as_json: AsJson = False,
    figures: Figures = None,
) -> None:
    """Compute what Linguistic Collapse published again: Table 1, all models, the trends, the spread among seeds."""
    from nc_hf.study.analysis import tables
    from nc_hf.study.analysis.figures.against_loss import loss_figure
    from nc_hf.study.analysis.figures.seeds import seed_figure
    from nc_hf.study.analysis.figures.trends import trend_figure
    from nc_hf.study.analysis.published import load_published
    from nc_hf.study.analysis.reproduction import reproduce
    from nc_hf.study.analysis.seeds import seed_cell

    frame = load_published(published)
    again = reproduce(frame, permutations=permutations, seed=seed)
    count = len(seed_cell(frame))
    shown: Tables = {
        "table_1": (f"Table 1: {count} seeds of 2 x 768", again.table_1, tables.SEEDS),
        "centred_kernel": ("GNC2 over centred class means", again.centred_kernel, tables.SEEDS),
        "all_models": (f"All {len(frame)} models, with validation loss", again.all_models, tables.ALL_MODELS),
        "trends": ("Along one setting, the others fixed", tables.trend_rows(again.trends), tables.TRENDS),
        "spread": ("Spread among the seeds", again.spread, tables.SPREAD),
        "claims": ("What may be said", again.claims, tables.CLAIMS),
    }
    show(shown, as_json)
    if figures:
        seeds = seed_figure(seed_cell(frame), again.table_1)
        loss = loss_figure(frame, ["paper"], columns=False)  # the metrics of Table 1, over all models at once
        save({"loss": loss, "trends": trend_figure(frame), "seeds": seeds}, figures)


@app.command("curve")
def curve_command(
    log: Annotated[Path, typer.Argument(metavar="trainer_state.json", help="What Trainer saves beside a checkpoint.")],
    figures: Annotated[Path, typer.Option(metavar="DIR", help="Draw the figure here, as PNG and SVG.")],
    metrics: Metrics = None,
) -> None:
    """Draw a run's evaluation loss and metrics against the step, from the log of a Trainer with the callback."""
    from nc_hf.study.analysis.figures.training_log import training_figure

    try:
        state = json.loads(log.read_text(encoding="utf-8"))
        figure = training_figure(state["log_history"], parse_names(metrics) or None)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StudyError(f"{log} holds no log ({error}): give the trainer_state.json of a checkpoint.") from error
    save({"training": figure}, figures)


def show(tables: Tables, as_json: bool, said: Mapping[str, Sequence[str]] | None = None) -> None:
    """Print tables for a reader, between what varies and what follows from them, or all of it as JSON."""
    from rich.console import Console

    from nc_hf.study.analysis.tables import to_records, to_table, to_text

    said = said or {}
    if as_json:
        content = {key: to_records(frame) for key, (_, frame, _) in tables.items()}
        lines = {key: list(sentences) for key, sentences in said.items()}
        typer.echo(json.dumps(content | {"notes": []} | lines, indent=2, ensure_ascii=False, allow_nan=False))
        return
    console = Console()

    def write(sentences: Sequence[str]) -> None:
        for line in sentences:
            console.print(line, highlight=False, markup=False, soft_wrap=not console.is_terminal)

    write([*said.get("varies", ()), *([""] if said.get("varies") else [])])
    for title, frame, columns in tables.values():
        table = to_table(title, frame, columns)
        if console.is_terminal:
            console.print(table, "")
        else:  # a file has no width that a name would have to fit into
            typer.echo(f"{to_text(table)}\n")
    if said.get("verdicts"):
        write(["What may be said (established: below .05 after Holm)", *said["verdicts"], ""])
    write(said.get("notes", ()))


def save(drawings: Mapping[str, Figure], folder: Path) -> None:
    """Write figures and say on standard error where they are."""
    from nc_hf.report.figures.style import save_figure

    for name, figure in drawings.items():
        tell_written(*save_figure(figure, folder, name))
