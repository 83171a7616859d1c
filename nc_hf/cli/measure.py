"""``nc-hf measure``: one model on one corpus."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from nc_hf.cli.arguments import Preset, check_writable, parse_names, parse_shard

if TYPE_CHECKING:
    from nc_hf.report import Report

_WHAT, _HOW, _OUT = "What to measure", "How to run it", "Where results go"


def measure_command(
    model: Annotated[str, typer.Argument(metavar="MODEL[@REVISION]", help="Hub id, or a local directory.")],
    corpus: Annotated[
        str,
        typer.Option(
            help="builtin, tinystories, a txt, jsonl or parquet file, a folder, "
            "or hub:ID\\[:config]\\[:split]\\[:column].",
            rich_help_panel=_WHAT,
        ),
    ] = "tinystories",
    split: Annotated[str, typer.Option(help="Split of the corpus.", rich_help_panel=_WHAT)] = "validation",
    tokenizer: Annotated[
        str | None,
        typer.Option(metavar="PATH|ID", help="Tokenizer, where the model has none of its own.", rich_help_panel=_WHAT),
    ] = None,
    preset: Annotated[Preset, typer.Option(help="Which metrics.", rich_help_panel=_WHAT)] = "core",
    metrics: Annotated[
        str | None,
        typer.Option(metavar="NAME,NAME", help="These metrics instead of a preset.", rich_help_panel=_WHAT),
    ] = None,
    max_tokens: Annotated[
        int, typer.Option(min=1, help="Read at most so many tokens.", rich_help_panel=_WHAT)
    ] = 1_000_000,
    min_count: Annotated[
        int, typer.Option(min=1, help="Use classes with so many tokens or more.", rich_help_panel=_WHAT)
    ] = 10,
    packing: Annotated[
        Literal["documents", "paper"],
        typer.Option(help="End-of-text tokens between documents, or the paper's way.", rich_help_panel=_WHAT),
    ] = "documents",
    layers: Annotated[
        Literal["final", "all"], typer.Option(help="Measure the final features, or every layer.", rich_help_panel=_WHAT)
    ] = "final",
    block_size: Annotated[
        int | None,
        typer.Option(min=2, help="Tokens a block; by default the context, at most 1,024.", rich_help_panel=_HOW),
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Blocks a forward pass.", rich_help_panel=_HOW)] = 8,
    dtype: Annotated[
        Literal["auto", "float32", "bfloat16"],
        typer.Option(help="Of the weights; auto is the checkpoint's own.", rich_help_panel=_HOW),
    ] = "auto",
    device: Annotated[
        Literal["auto", "cpu", "cuda"], typer.Option(help="Where to run.", rich_help_panel=_HOW)
    ] = "auto",
    shard: Annotated[
        str | None,
        typer.Option(metavar="i/n", help="Read only part i of n, from 0; join with nc-hf merge.", rich_help_panel=_HOW),
    ] = None,
    checkpoint: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Keep progress here, and go on from it.", rich_help_panel=_HOW)
    ] = None,
    save_every: Annotated[
        int, typer.Option(min=1, metavar="N", help="Batches between two saves of progress.", rich_help_panel=_HOW)
    ] = 200,
    no_stderr: Annotated[
        bool, typer.Option("--no-stderr", help="Leave out the standard errors.", rich_help_panel=_HOW)
    ] = False,
    output: Annotated[Path | None, typer.Option(help="Report as JSON.", rich_help_panel=_OUT)] = None,
    markdown: Annotated[Path | None, typer.Option(help="Section for a model card.", rich_help_panel=_OUT)] = None,
    save_statistics: Annotated[
        Path | None, typer.Option(help="Class statistics as safetensors.", rich_help_panel=_OUT)
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the report as JSON instead of a table.", rich_help_panel=_OUT)
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress bar.", rich_help_panel=_OUT)] = False,
) -> None:
    """Measure the neural collapse of a causal language model.

    One pass over the corpus gives the metrics with their standard errors, the loss, and everything that they depend on.
    """
    part, names = parse_shard(shard), parse_names(metrics)
    check_writable(output, markdown, save_statistics)

    import torch
    from accelerate.state import PartialState
    from transformers.utils.logging import disable_progress_bar

    from nc_hf.hub import parse_reference
    from nc_hf.measuring import measure

    if quiet:
        disable_progress_bar()  # that of loading weights
    # Under torchrun on a machine without an accelerator each process would else take itself for the only one.
    process = PartialState(cpu=device == "cpu" or not torch.accelerator.is_available())
    asked = parse_reference(model, allow_local=True)
    report = measure(
        asked.id,
        corpus=corpus,
        revision=asked.revision,
        split=split,
        tokenizer=tokenizer,
        preset=names or preset,
        max_tokens=max_tokens,
        min_count=min_count,
        packing=packing,
        block_size=block_size,
        batch_size=batch_size,
        layers=layers,
        dtype=None if dtype == "auto" else dtype,
        device=None if device == "auto" else device,
        shard=part,
        statistics_path=save_statistics,
        checkpoint_path=checkpoint,
        save_every=save_every,
        progress=not quiet,
        uncertainty=not no_stderr,
    )
    if process.is_main_process:
        _give(report, output, markdown, as_json)
    process.destroy_process_group()


def _give(report: Report, output: Path | None, markdown: Path | None, as_json: bool) -> None:
    """Write the files that were asked for, then print."""
    if output is not None:
        report.save(output)
    if markdown is not None:
        from nc_hf.files import write_text

        write_text(markdown, report.to_markdown())
    if as_json:
        typer.echo(report.to_json(), nl=False)
    else:
        from rich.console import Console

        Console().print(report.to_table())
