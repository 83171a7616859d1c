"""The options that several sub-commands share, read and checked before anything takes long."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from nc_hf.errors import FileError, InputError
from nc_hf.measurement.options import MeasureOptions

if TYPE_CHECKING:
    from accelerate.state import PartialState

Preset = Literal["core", "paper", "full"]

WHAT, HOW, OUT = "What to measure", "How to run it", "Where results go"

CorpusOption = Annotated[
    str,
    typer.Option(
        "--corpus",
        help="builtin, tinystories, a txt, jsonl or parquet file, a folder, or hub:ID\\[:config]\\[:split]\\[:column].",
        rich_help_panel=WHAT,
    ),
]


def measure_options(
    split: Annotated[str, typer.Option(help="Split of the corpus.", rich_help_panel=WHAT)] = "validation",
    tokenizer: Annotated[
        str | None,
        typer.Option(metavar="PATH|ID", help="Tokenizer, where the model has none of its own.", rich_help_panel=WHAT),
    ] = None,
    preset: Annotated[Preset, typer.Option(help="Which metrics.", rich_help_panel=WHAT)] = "core",
    metrics: Annotated[
        str | None,
        typer.Option(metavar="NAME,NAME", help="These metrics instead of a preset.", rich_help_panel=WHAT),
    ] = None,
    max_tokens: Annotated[
        int,
        typer.Option(
            min=1, help="Read at most so many tokens, in whole blocks, and one at the least.", rich_help_panel=WHAT
        ),
    ] = 1_000_000,
    min_count: Annotated[
        int, typer.Option(min=1, help="Use classes with so many tokens or more.", rich_help_panel=WHAT)
    ] = 10,
    packing: Annotated[
        Literal["documents", "paper"],
        typer.Option(help="End-of-text tokens between documents, or the paper's way.", rich_help_panel=WHAT),
    ] = "documents",
    block_size: Annotated[
        int | None,
        typer.Option(min=2, help="Tokens a block; by default the context, at most 1,024.", rich_help_panel=HOW),
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Blocks a forward pass.", rich_help_panel=HOW)] = 8,
    dtype: Annotated[
        Literal["auto", "float32", "bfloat16"],
        typer.Option(help="Of the weights; auto is the checkpoint's own.", rich_help_panel=HOW),
    ] = "auto",
    device: Annotated[Literal["auto", "cpu", "cuda"], typer.Option(help="Where to run.", rich_help_panel=HOW)] = "auto",
    no_stderr: Annotated[
        bool, typer.Option("--no-stderr", help="Leave out the standard errors.", rich_help_panel=HOW)
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress bar.", rich_help_panel=OUT)] = False,
) -> MeasureOptions:
    """Turn what was said on the command line into the options of ``nc_hf.measure``."""
    return {
        "split": split,
        "tokenizer": tokenizer,
        "preset": parse_names(metrics) or preset,
        "max_tokens": max_tokens,
        "min_count": min_count,
        "packing": packing,
        "block_size": block_size,
        "batch_size": batch_size,
        "dtype": None if dtype == "auto" else dtype,
        "device": None if device == "auto" else device,
        "uncertainty": not no_stderr,
        "progress": not quiet,
    }


def takes_measure_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of `measure_options`, in the place of its one parameter ``options``.

    typer reads the options of a command off its signature; so every command that measures declares them by this.
    """
    shared = signature(measure_options, eval_str=True).parameters
    parameters: list[Parameter] = []
    for name, parameter in signature(command, eval_str=True).parameters.items():
        parameters += shared.values() if name == "options" else [parameter]

    def run(**given: Any) -> None:
        options = measure_options(**{name: given.pop(name) for name in shared})
        command(options=options, **given)

    keywords = [parameter.replace(kind=Parameter.KEYWORD_ONLY) for parameter in parameters]
    run.__signature__ = Signature(keywords)  # type: ignore[attr-defined]  # what inspect and typer look for first
    run.__doc__ = command.__doc__
    return run


def parse_shard(shard: str | None) -> tuple[int, int] | None:
    """Return the place of a part from 0, and n, of ``i/n``: part i of n counted from 1.

    >>> parse_shard("1/4")
    (0, 4)
    """
    if shard is None:
        return None
    part, _, parts = shard.partition("/")
    if not (part.isdecimal() and parts.isdecimal() and 1 <= int(part) <= int(parts)):
        raise InputError(f"{shard!r} is no shard: write i/n with i from 1 to n, such as 1/4.")
    return int(part) - 1, int(parts)


def parse_names(metrics: str | None) -> tuple[str, ...]:
    """Return the names in ``a,b``."""
    names = tuple(name.strip() for name in (metrics or "").split(",") if name.strip())
    if metrics is not None and not names:
        raise InputError(
            "--metrics names no metric: write names with commas between them, such as nc1_cdnv,nc2_cos_std."
        )
    return names


def check_writable(*paths: Path | None) -> None:
    """Refuse files that could not be written at the end of a long run.

    Raises:
        FileError: a path is a directory, or its directory cannot be made or written.
    """
    for path in paths:
        if path is None:
            continue
        if path.is_dir():
            raise FileError(f"{path} is a directory: name a file in it.")
        parent = next(folder for folder in path.absolute().parents if folder.exists())
        try:
            with tempfile.TemporaryFile(dir=parent):
                pass
        except OSError:
            raise FileError(
                f"{path} cannot be written because {parent} is not a directory open to you: name another."
            ) from None


def start_process(options: MeasureOptions) -> PartialState:
    """Find the other processes of this run, if there are any, and turn the bars of loading weights off if asked."""
    import torch
    from accelerate.state import PartialState
    from transformers.utils.logging import disable_progress_bar

    if not options["progress"]:
        disable_progress_bar()
    # Under torchrun on a machine without an accelerator each process would else take itself for the only one.
    return PartialState(cpu=options["device"] == "cpu" or not torch.accelerator.is_available())
