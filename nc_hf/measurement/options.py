"""The options of a measurement, declared once.

``measure()`` and the callback take their keywords and defaults from here, the command its options and their help, a
folder of kept reports and the page's cache the options that decide a result.
"""

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, TypedDict, TypeVar

from nc_hf.corpus.classes import SHARE, ClassRule, checked_rule
from nc_hf.errors import InputError
from nc_hf.metrics.table import PRESETS
from nc_hf.runtime.nearest import did_you_mean
from nc_hf.runtime.progress import Listener

if TYPE_CHECKING:
    import torch

WHAT, HOW, OUT = "What to measure", "How to run it", "Where results go"

_Function = TypeVar("_Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class Option:
    """One option.

    Attributes:
        default: where it is not given.
        help: what it does, in a sentence.
        decides: whether it decides what is found; the others decide only how, and how fast.
        minimum: the smallest number that can be meant.
        choices: what the command offers; None, the default, is ``auto`` there.
        closed: whether there is nothing else than the choices.
        panel: its heading in the command's help; None where it is no option of the command.
        flag: the command's name for the other value of a bool, and what it does.
        metavar: what stands for its value in the command's help.
        read: returns a value in one form, or refuses it, where there is more to it than a smallest number or a choice.
    """

    default: Any
    help: str
    decides: bool = False
    minimum: int | None = None
    choices: tuple[str, ...] = ()
    closed: bool = False
    panel: str | None = None
    flag: tuple[str, str] | None = None
    metavar: str | None = None
    read: Callable[[Any], Any] | None = None


class PassOptions(TypedDict, total=False):
    """The options of any pass over text, a callback's in a Trainer too; each says what it does in its `Option`."""

    split: Annotated[str, Option("validation", "Split of the corpus.", decides=True, panel=WHAT)]
    tokenizer: Annotated[
        Any,
        Option(
            None,
            "A tokenizer, or the folder or id of one, where the model has none of its own.",
            panel=WHAT,
            metavar="PATH|ID",
        ),
    ]
    packing: Annotated[
        str,
        Option(
            "documents",
            "End-of-text tokens between documents, or the paper's way (arXiv 2405.17767).",
            decides=True,
            choices=("documents", "paper"),
            closed=True,
            panel=WHAT,
        ),
    ]
    block_size: Annotated[
        int | None,
        Option(None, "Tokens a block; by default the context, at most 1,024.", decides=True, minimum=2, panel=HOW),
    ]
    batch_size: Annotated[int, Option(8, "Blocks a forward pass.", minimum=1, panel=HOW)]
    classes: Annotated[
        ClassRule,
        Option(
            SHARE,
            "Which next tokens count: those with this share of the text, top:N, a file of tokens or ids, all.",
            decides=True,
            panel=WHAT,
            metavar="SHARE|top:N|FILE|all",
            read=checked_rule,
        ),
    ]
    seed: Annotated[
        int,
        Option(0, "Chooses which part of a longer text is measured.", decides=True, minimum=0, panel=WHAT),
    ]
    agreement_tokens: Annotated[
        int,
        Option(
            16_384,
            "Decide NC4 on a sample of so many tokens; 0 leaves it out.",
            decides=True,
            minimum=0,
            panel=WHAT,
        ),
    ]


class MeasureOptions(PassOptions, total=False):
    """The options of a measurement, which hold for several models alike."""

    preset: Annotated[
        str | Sequence[str],
        Option("core", "Which metrics: a preset, or names.", decides=True, choices=tuple(PRESETS), panel=WHAT),
    ]
    max_tokens: Annotated[
        int | None,
        Option(
            1_000_000,
            "Read at most so many tokens, in whole blocks, and one at the least.",
            decides=True,
            minimum=1,
            panel=WHAT,
        ),
    ]
    layers: Annotated[
        str,
        Option(
            "final",
            "Measure the final features, or every layer.",
            decides=True,
            choices=("final", "all"),
            closed=True,
            panel=WHAT,
        ),
    ]
    layer_errors: Annotated[
        bool,
        Option(
            False,
            "With all layers: standard errors of each.",
            decides=True,
            panel=WHAT,
            flag=("--layer-errors", "With all layers: standard errors of each."),
        ),
    ]
    exact_classes: Annotated[
        int | None,
        Option(
            None,
            "Look at all pairs of up to so many classes; of more, estimate by drawn pairs, with their error.",
            decides=True,
            minimum=2,
            panel=HOW,
            metavar="N",
        ),
    ]
    uncertainty: Annotated[
        bool,
        Option(True, "Add standard errors; without them nothing is measured again.", decides=True, panel=HOW,
               flag=("--no-stderr", "Leave out the standard errors.")),
    ]  # fmt: skip
    contexts: Annotated[
        int,
        Option(
            3,
            "Quote so many places of each token from the text; 0 for a text that nobody else may read.",
            decides=True,
            minimum=0,
            panel=WHAT,
        ),
    ]
    untrained: Annotated[
        bool,
        Option(
            False,
            "Measure a model of the same shape before training too, as the mark of no collapse.",
            decides=True,
            panel=WHAT,
            flag=("--untrained", "Measure a model of the same shape before training too, as the mark of no collapse."),
        ),
    ]
    dtype: Annotated[
        "str | torch.dtype | None",
        Option(
            None,
            "Of the weights; by default the checkpoint's own.",
            decides=True,
            choices=("float32", "bfloat16"),
            panel=HOW,
        ),
    ]
    device: Annotated[
        "str | torch.device | None",
        Option(None, "Where to run; by default a GPU if there is one.", choices=("cpu", "cuda"), panel=HOW),
    ]
    save_every: Annotated[
        int, Option(200, "Batches between two saves of an unfinished pass.", minimum=1, panel=HOW, metavar="N")
    ]
    progress: Annotated[
        bool | Listener,
        Option(
            True,
            "Show a progress bar, or call this with every step.",
            panel=OUT,
            flag=("--quiet", "Say nothing on the way: no progress bar, and not what is read and written."),
        ),
    ]
    allow_local: Annotated[bool, Option(True, "Whether names may be paths; False for names that came over a network.")]
    max_bytes: Annotated[int | None, Option(None, "Refuse weights larger than this.")]
    token: Annotated[
        str | bool | None,
        Option(None, "For the Hub, the reader's own; by default the one the client finds; False for none."),
    ]


OPTIONS: dict[str, Option] = {name: kind.__metadata__[0] for name, kind in MeasureOptions.__annotations__.items()}
_TYPES = {name: kind.__origin__ for name, kind in MeasureOptions.__annotations__.items()}
PASS_OPTIONS = tuple(PassOptions.__annotations__)


def complete(
    given: Mapping[str, object], names: Collection[str] = OPTIONS.keys(), defaults: Mapping[str, Any] | None = None
) -> MeasureOptions:
    """Return all options: those given, and the others at their defaults.

    Args:
        given: by a caller.
        names: which options there are.
        defaults: in place of the declared ones.

    Raises:
        TypeError: there is no such option.
        InputError: a number cannot be meant.

    >>> complete({"classes": "top:5"})["classes"], complete({})["packing"]
    ('top:5', 'documents')
    """
    for name, value in given.items():
        if name not in names:
            raise TypeError(f"there is no option {name!r}{did_you_mean(name, names)}")
        _check(name, value)
    declared = {name: OPTIONS[name].default for name in names}
    read = {name: _in_one_form(name, value) for name, value in given.items()}
    whole: Any = {**declared, **(defaults or {}), **read}  # a dict of what the names say
    completed: MeasureOptions = whole
    return completed


def _check(name: str, value: object) -> None:
    """Refuse what can be seen to be wrong before anything is loaded."""
    option = OPTIONS[name]
    if option.minimum is not None and value is not None:
        if isinstance(value, bool) or not isinstance(value, int):
            raise InputError(f"{name} is {value!r}: pass a whole number.")
        if value < option.minimum:
            raise InputError(f"{name} is {value}: pass {option.minimum} or more.")
    if option.closed and value not in option.choices:
        raise InputError(f"{name} is {value!r}: pass {' or '.join(option.choices)}.")


def _in_one_form(name: str, value: object) -> object:
    read = OPTIONS[name].read
    return value if read is None else read(value)


def deciding(given: MeasureOptions) -> dict[str, object]:
    """Return the options that decide a result, each at its default where it was not given."""
    whole: dict[str, object] = {**complete(given)}
    return {name: whole[name] for name, option in OPTIONS.items() if option.decides}


def takes_options(
    names: Collection[str] = OPTIONS.keys(), defaults: Mapping[str, Any] | None = None
) -> Callable[[_Function], _Function]:
    """Let ``help`` of a function that takes ``**options`` show each with its default and what it does."""

    def show(function: _Function) -> _Function:
        signature = inspect.signature(function)
        own = [each for each in signature.parameters.values() if each.kind is not inspect.Parameter.VAR_KEYWORD]
        default = {name: OPTIONS[name].default for name in names} | dict(defaults or {})
        shown = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default[name], annotation=_TYPES[name])
            for name in names
        ]
        function.__dict__["__signature__"] = signature.replace(parameters=[*own, *shown])
        before, mark, after = (function.__doc__ or "").partition("**options:")
        if mark:
            indent = before[len(before.rstrip(" ")) :]
            lines = f"\n{indent}".join(_line(name, OPTIONS[name]) for name in names)
            function.__doc__ = before + lines + "\n" + after.partition("\n")[2]
        return function

    return show


def _line(name: str, option: Option) -> str:
    """Say what an option does as an entry of a docstring."""
    choices = f" ({', '.join(option.choices)})" if option.choices else ""
    return f"{name}: {option.help[0].lower()}{option.help[1:].removesuffix('.')}{choices}."
