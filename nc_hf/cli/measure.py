"""``nc-hf measure``: one model on one corpus."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nc_hf.cli.arguments import CorpusOption, check_writable, start_process, takes_measure_options
from nc_hf.cli.written import tell_written
from nc_hf.errors.remedies import FrontEnd
from nc_hf.measurement.options import HOW, OUT, MeasureOptions
from nc_hf.runtime.shards import parse_shard

if TYPE_CHECKING:
    from nc_hf.report import Report


@takes_measure_options()
def measure_command(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL[@REVISION]",
            help="Hub id, or a local directory; an adapter of PEFT is merged into its base first.",
        ),
    ],
    corpus: CorpusOption = "tinystories",
    *,
    options: MeasureOptions,
    shard: Annotated[
        str | None,
        typer.Option(metavar="i/n", help="Read only part i of n, from 1; join with nc-hf merge.", rich_help_panel=HOW),
    ] = None,
    checkpoint: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Keep progress here, and go on from it.", rich_help_panel=HOW)
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Report as JSON.", rich_help_panel=OUT)] = None,
    markdown: Annotated[Path | None, typer.Option(help="Section for a model card.", rich_help_panel=OUT)] = None,
    html: Annotated[Path | None, typer.Option(help="One page with pictures, to mail.", rich_help_panel=OUT)] = None,
    save_statistics: Annotated[
        Path | None, typer.Option(help="Class statistics as safetensors.", rich_help_panel=OUT)
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the report as JSON instead of a table.", rich_help_panel=OUT)
    ] = False,
) -> None:
    """Measure the neural collapse of a causal language model.

    One pass over the corpus gives the metrics with their standard errors, the loss, and everything that they depend on.
    """
    part = None if shard is None else parse_shard(shard)
    check_writable(output, markdown, html, save_statistics)
    if html is not None:
        from nc_hf.report.charts.render import converter

        converter()  # said before anything is measured, if it is not there

    process = start_process(options)

    from nc_hf.hub import parse_reference
    from nc_hf.measurement.measure import measure
    from nc_hf.runtime.distributed import take_leave

    asked = parse_reference(model, allow_local=True)
    report = measure(
        asked.id,
        corpus,
        revision=asked.revision,
        shard=part,
        statistics_path=save_statistics,
        checkpoint_path=checkpoint,
        **options,
    )
    if process.is_main_process:
        _give(report, output, markdown, html, as_json)
        if options["progress"]:
            tell_written(output, markdown, html, save_statistics)
    take_leave(process)  # a rank that leaves the group while another is in it may be aborted at its exit
    process.destroy_process_group()


def _give(report: Report, output: Path | None, markdown: Path | None, html: Path | None, as_json: bool) -> None:
    """Write the files that were asked for, then print."""
    from nc_hf.runtime.files import write_text

    if output is not None:
        report.save(output)
    if markdown is not None:
        write_text(markdown, report.to_markdown())
    if html is not None:
        write_text(html, report.to_html())
    if as_json:
        typer.echo(report.to_json(), nl=False)
    else:
        from rich.console import Console

        Console().print(report.to_table(FrontEnd.COMMAND))
