"""``nc-hf trajectory``: the saved states of one model, branch by branch or checkpoint by checkpoint, on one corpus."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nc_hf.cli.arguments import CorpusOption, check_writable, start_process, takes_measure_options
from nc_hf.cli.written import tell_written
from nc_hf.measurement.options import HOW, OUT, WHAT, MeasureOptions

if TYPE_CHECKING:
    from nc_hf.measurement.trajectory import Turn
    from nc_hf.report.trajectory import Trajectory


@takes_measure_options()
def trajectory_command(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Hub id, or a Trainer's output folder.")],
    revisions: Annotated[
        str,
        typer.Option(
            metavar="all|GLOB|NAME,NAME",
            help="Branches and tags, or checkpoints, to measure: all, those that a pattern such as 'step*' matches, or "
            "these.",
            rich_help_panel=WHAT,
        ),
    ] = "all",
    every: Annotated[
        int, typer.Option(min=1, metavar="N", help="The first of them and every N-th after it.", rich_help_panel=WHAT)
    ] = 1,
    corpus: CorpusOption = "tinystories",
    *,
    options: MeasureOptions,
    discard_downloads: Annotated[
        bool,
        typer.Option(
            "--discard-downloads",
            help="Remove the weights of a revision from the cache once it is measured, unless they were there before.",
            rich_help_panel=HOW,
        ),
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="trajectory.json, .csv, .md, .png and .svg, and each revision's report as soon as it is measured; "
            "with the same DIR an interrupted trajectory goes on.",
            rich_help_panel=OUT,
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the trajectory as JSON instead of a table.", rich_help_panel=OUT)
    ] = False,
) -> None:
    """Measure the saved states of a model, and show the course of every metric.

    A revision that cannot be measured is named with the reason, and the others go on.
    """
    if output is not None:
        check_writable(output / "trajectory.json")
        import nc_hf.report.figures  # noqa: F401  # where matplotlib is missing that is said now, not after hours

    process = start_process(options)

    from nc_hf.measurement.trajectory import trajectory
    from nc_hf.runtime.distributed import take_leave

    measured = trajectory(
        model,
        corpus,
        revisions=revisions,
        every=every,
        folder=None if output is None else output / "reports",
        keep_downloads=not discard_downloads,
        on_turn=_announce if options["progress"] and process.is_main_process else None,
        **options,
    )
    if process.is_main_process:
        written = _give(measured, output, as_json)
        if options["progress"]:
            tell_written(*written)
    take_leave(process)  # a rank that leaves the group while another is in it may be aborted at its exit
    process.destroy_process_group()


def _announce(turn: Turn) -> None:
    from nc_hf.report.words import short_commit

    commit = short_commit(turn.revision.commit)
    name = f"{turn.revision.name} ({commit})" if commit else turn.revision.name
    known = f", same weights as {turn.same_as}" if turn.same_as else ", measured before" if turn.kept else ""
    typer.echo(f"revision {turn.number} of {turn.total}: {name}{known}", err=True)


def _give(measured: Trajectory, output: Path | None, as_json: bool) -> list[Path]:
    """Write the files, then print; return what was written."""
    written: list[Path] = []
    if output is not None:
        from nc_hf.report.figures import save_figure, trajectory_figure
        from nc_hf.runtime.files import write_text

        written = [output / f"trajectory.{ending}" for ending in ("json", "csv", "md")]
        for path, text in zip(written, (measured.to_json(), measured.to_csv(), measured.to_markdown()), strict=True):
            write_text(path, text)
        if len(measured.points) > 1:
            written += save_figure(trajectory_figure(measured), output, "trajectory")
    if as_json:
        typer.echo(measured.to_json(), nl=False)
    else:
        from rich.console import Console

        Console().print(measured.to_table())
    return written
