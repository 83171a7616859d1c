"""The options that several sub-commands share, read and checked before anything takes long."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Callable
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from nc_hf.errors import FileError, InputError
from nc_hf.measurement.options import OPTIONS, WHAT, MeasureOptions, Option
from nc_hf.runtime.uncollected import uncollected

if TYPE_CHECKING:
    from accelerate.state import PartialState

_AUTO = "auto"

CorpusOption = Annotated[
    str,
    typer.Option(
        "--corpus",
        help="builtin, tinystories, a file (txt, jsonl, json, csv, tsv, parquet) or folder, "
        "file:PATH\\[:split:column], or hub:ID\\[:config]\\[:split]\\[:column].",
        rich_help_panel=WHAT,
    ),
]


def takes_measure_options(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command options of `nc_hf.measurement.options`, in the place of its one parameter ``options``.

    typer reads the options of a command off its signature; so every command that measures has them by this.

    Args:
        *names: which; all that are meant for a command if none is named. With ``preset`` comes ``--metrics``.
    """
    declared = {name: OPTIONS[name] for name in names or OPTIONS if OPTIONS[name].panel is not None}
    shared = [_parameter(name, option) for name, option in declared.items()]
    shared.insert(1 + list(declared).index("preset"), _METRICS)

    def give(command: Callable[..., None]) -> Callable[..., None]:
        parameters: list[Parameter] = []
        for name, parameter in signature(command, eval_str=True).parameters.items():
            parameters += shared if name == "options" else [parameter.replace(kind=Parameter.KEYWORD_ONLY)]

        def run(**given: Any) -> None:
            said = {each.name: given.pop(each.name) for each in shared}
            chosen = parse_names(said.pop("metrics"))
            options = {name: _meant(OPTIONS[name], value) for name, value in said.items()}
            command(options=options | ({"preset": chosen} if chosen else {}), **given)

        run.__dict__["__signature__"] = Signature(parameters)  # what inspect and typer look for first
        run.__doc__ = command.__doc__
        return run

    return give


_METRICS = Parameter(
    "metrics",
    Parameter.KEYWORD_ONLY,
    default=None,
    annotation=Annotated[
        str | None,
        typer.Option(metavar="NAME,NAME", help="These metrics instead of a preset.", rich_help_panel=WHAT),
    ],
)


def _parameter(name: str, option: Option) -> Parameter:
    """Return an option of a measurement as typer takes it."""
    kind: Any = str | None if option.default is None else type(option.default)
    default = option.default
    if option.choices:
        automatic = () if default in option.choices else (_AUTO,)
        kind, default = Literal[(*automatic, *option.choices)], default or _AUTO
    elif option.minimum is not None:
        kind = int if default is not None else int | None
    elif option.flag is not None:
        kind, default = bool, False
    elif isinstance(default, float):
        kind, default = str, f"{default:g}"  # it may be a word too
    said = typer.Option(
        *(option.flag[:1] if option.flag else ()),
        min=option.minimum,
        metavar=option.metavar,
        help=option.flag[1] if option.flag else option.help,
        rich_help_panel=option.panel,
    )
    return Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, said])


def _meant(option: Option, said: Any) -> Any:
    """Return the value that was meant: a flag turns what is the default round, and ``auto`` is None."""
    if option.flag is not None:
        return option.default is not said
    return None if option.choices and said == _AUTO else said


def parse_names(metrics: str | None) -> tuple[str, ...]:
    """Return the names in ``a,b``."""
    names = tuple(name.strip() for name in (metrics or "").split(",") if name.strip())
    if metrics is not None and not names:
        raise InputError(
            "--metrics names no metric: write names with commas between them, such as nc1_trace_ratio,nc2_cos_std."
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
        if os.path.isdir(path):
            raise FileError(f"{path} is a directory: name a file in it.")
        parent = next(folder for folder in path.absolute().parents if os.path.exists(folder))
        try:
            path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            pass  # the first is as it should be, the second is told below
        except OSError as error:
            raise FileError(f"{path} cannot be written ({error.strerror}): name another.") from None
        try:
            with tempfile.TemporaryFile(dir=parent):
                pass
        except OSError:
            raise FileError(
                f"{path} cannot be written because {parent} is not a directory open to you: name another."
            ) from None


def start_process(options: MeasureOptions) -> PartialState:
    """Import what measuring takes, find the other processes of this run, and say on stderr what is read.

    If asked, nothing more is said, and no bars are shown. This comes before any other import that is heavy.
    """
    with uncollected():
        import torch
        import transformers.modeling_layers  # noqa: F401  # with what the code of nearly all models imports
        from accelerate.state import PartialState
        from transformers.utils.logging import disable_progress_bar

        import nc_hf.measurement.measure  # noqa: F401
        from nc_hf.runtime.distributed import attend, ending

    if not options["progress"]:
        disable_progress_bar()
    # Under torchrun on a machine without an accelerator each process would else take itself for the only one.
    process = PartialState(cpu=options["device"] == "cpu" or not torch.accelerator.is_available())
    attend(process, ending("nc-hf"))
    _tell("nc_hf.corpus", logging.INFO if options["progress"] and process.is_main_process else logging.WARNING)
    return process


class _Stderr(logging.Handler):
    """Says what is logged, a line each."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record to what stderr is by now."""
        typer.echo(self.format(record), err=True)


def _tell(part: str, level: int) -> None:
    """Say what a part of nc_hf logs from this level on."""
    log = logging.getLogger(part)
    log.setLevel(level)
    if not any(isinstance(each, _Stderr) for each in log.handlers):
        log.addHandler(_Stderr())
