"""``nc-hf compare``: reports, or models measured now, side by side."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nc_hf.cli.arguments import CorpusOption, check_writable, start_process, takes_measure_options
from nc_hf.cli.written import tell_written
from nc_hf.errors import InputError
from nc_hf.measurement.options import OUT, MeasureOptions

if TYPE_CHECKING:
    from nc_hf.report import Report


@takes_measure_options()
def compare_command(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="A B ...",
            help="What `nc-hf measure --output` wrote, or models to measure now: MODEL\\[@REVISION] or a directory.",
        ),
    ],
    corpus: CorpusOption = "tinystories",
    *,
    options: MeasureOptions,
    markdown: Annotated[
        Path | None, typer.Option(help="Write the comparison as Markdown.", rich_help_panel=OUT)
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON instead of a table.", rich_help_panel=OUT)
    ] = False,
) -> None:
    """Compare reports: differences to the first, the more collapsed one, and what makes them not comparable.

    A name that ends in .json is a report; any other is a model, and is measured with the options below.
    """
    if len(names) < 2:
        raise InputError("a comparison takes two names or more: name another report or model.")
    check_writable(markdown)

    from rich.console import Console

    from nc_hf.report import Report, compare
    from nc_hf.runtime.files import write_text

    reports = {name: Report.load(name) for name in names if name.endswith(".json")}
    if models := [name for name in names if name not in reports]:
        process = start_process(options)

        from nc_hf.runtime.distributed import take_leave

        reports.update(_measured(models, corpus, options))
        mine = process.is_main_process
        take_leave(process)  # as in nc_hf/cli/measure.py
        process.destroy_process_group()
        if not mine:
            return
    comparison = compare([reports[name] for name in names])
    if markdown is not None:
        write_text(markdown, comparison.to_markdown())
    if as_json:
        typer.echo(json.dumps(comparison.to_dict(), indent=2, ensure_ascii=False, allow_nan=False))
    else:
        Console().print(comparison.to_table())
    if options["progress"]:
        tell_written(markdown)


def _measured(models: list[str], corpus: str, options: MeasureOptions) -> dict[str, Report]:
    """Measure each model once, whatever it is called, on a text that is read once."""
    from nc_hf.corpus.corpus import open_corpus
    from nc_hf.corpus.packed_once import PackedOnce
    from nc_hf.hub import parse_reference, resolve
    from nc_hf.hub.content import same_content
    from nc_hf.hub.listing import look_up
    from nc_hf.measurement.measure import measure

    asked = {name: parse_reference(name, allow_local=True) for name in models}
    # What is not there is said before anything is measured.
    sources = {name: resolve(each.id, each.revision, allow_local=True) for name, each in asked.items()}
    listed = {name: look_up(each) for name, each in asked.items()}
    text = PackedOnce.of(open_corpus(corpus, options["split"]))
    reports: dict[str, Report] = {}
    for name, each in asked.items():
        twin = next((other for other in reports if same_content(listed[other], listed[name])), None)
        if twin is None:
            reports[name] = measure(each.id, text, revision=each.revision, **options)
        else:
            found, source = reports[twin], sources[name]
            commit = source.commit or source.identity
            called = replace(found.model, id=source.id, revision=source.revision, commit=commit)
            reports[name] = replace(found, model=called)
    return reports
