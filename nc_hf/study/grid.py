"""The grid as data: a study's settings, read from a preset, checked, and laid out in cells."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import yaml
from pydantic import ConfigDict, TypeAdapter, ValidationError

from nc_hf.corpus.classes import SHARE, checked_rule
from nc_hf.corpus.packing import PACKINGS
from nc_hf.errors import InputError, StudyError
from nc_hf.study.settings import (
    AXES,
    TEXT,
    Batches,
    Blocks,
    Classes,
    Integer,
    Integers,
    Number,
    Numbers,
    OrNull,
    States,
    Switch,
    Text,
    batch_of,
)

INITIAL = -1
"""The saved epoch of a model before its first step, since states count from 0 after the first epoch."""

OPERATIONAL = ("save_steps", "keep_states", "expected_blocks")
"""Settings that change how a study is run, and none of its numbers."""


@dataclass(frozen=True)
class Cell:
    """One training run: an architecture, a length, a weight decay and a seed."""

    width: int
    depth: int
    epochs: int
    weight_decay: float
    seed: int

    @property
    def name(self) -> str:
        """A name for folders, such as ``02x0064_03_wd0.0005_s0``: depth x width _ epochs _ decay _ seed."""
        return f"{self.depth:02d}x{self.width:04d}_{self.epochs:02d}_wd{self.weight_decay:g}_s{self.seed}"


@dataclass(frozen=True)
class Study:
    """Everything that decides a study's numbers, and how it is run.

    Attributes:
        widths, depths, epochs, weight_decays, seeds: the axes; every combination is a cell.
        extra: further products of axes; an axis that one does not name is the grid's own. Cells that coincide are one.
        states: which models a cell keeps and measures, by epochs completed less one: ``all``, ``last``, or a mapping of
            training lengths to lists of states, where a length that is not named keeps its last.
        initial: measure each model before its first step too (state -1).
        corpus: as ``nc_hf.corpus.corpus.open_corpus`` takes it; its ``train`` and ``validation`` splits are used.
        tokenizer: folder or id; ``builtin`` for one trained on the built-in corpus; ``train`` for one trained on the
            study's own training text.
        vocab_size: of a tokenizer that is trained; of another one, what ``--dry-run`` supposes if it cannot be opened.
        packing: how text becomes blocks.
        block_size: tokens a block.
        heads: attention heads of the GPT-Neo models.
        window: of their local attention, in tokens.
        dropout: of embeddings, attention and residual stream.
        optimizer, lr_scheduler, warmup_steps, learning_rate: as ``TrainingArguments`` takes them.
        batch_size: blocks a step over all processes: a number, or numbers by model name (``02x1024``, ``08x*``), of
            which the first that fits counts.
        max_train_tokens, max_validation_tokens: bounds of the two texts; None for all.
        measure_train_tokens: bound of the training text that NC1-NC3 are measured on; None for all that was trained on.
        classes: which tokens count: a share of the training text, ``top:N``, a file, ids or ``all``.
        agreement_tokens: validation tokens on which NC4 is decided; None for all.
        eval_steps: steps between the evaluations that make the training curve; None for one an epoch.
        torch_compile: compile the models.
        save_steps: steps between two checkpoints to go on from.
        keep_states: keep the weights of the measured states when a cell is done.
        expected_blocks: train and validation blocks that the corpus should give, for ``--dry-run`` without it.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    widths: Integers
    depths: Integers
    epochs: Integers
    weight_decays: Numbers
    seeds: Integers
    corpus: Text
    tokenizer: Text
    vocab_size: Integer
    packing: Text
    block_size: Integer
    heads: Integer
    window: Integer
    learning_rate: Number
    batch_size: Batches
    max_train_tokens: OrNull[Integer]
    max_validation_tokens: OrNull[Integer]
    agreement_tokens: OrNull[Integer]
    classes: Classes = SHARE
    extra: Blocks = ()
    states: States = "all"
    initial: Switch = True
    dropout: Number = 0.0
    optimizer: Text = "adamw_torch"
    lr_scheduler: Text = "linear"
    warmup_steps: Integer = 0
    measure_train_tokens: OrNull[Integer] = None
    eval_steps: OrNull[Integer] = None
    torch_compile: Switch = False
    save_steps: Integer = 500
    keep_states: Switch = False
    expected_blocks: OrNull[Integers] = None

    def __post_init__(self) -> None:
        """Refuse what cannot be trained, before anything is."""
        blocks = [{axis: getattr(self, axis) for axis in AXES}, *self.extra]
        for axis, values in ((axis, block[axis]) for block in blocks for axis in block):
            if not values or len(set(values)) != len(values):
                raise StudyError(f"{axis} are {values}: give one value or more, each once.")
            lowest = 1 if axis in ("widths", "depths", "epochs") else 0
            if not all(lowest <= value < math.inf for value in values):
                raise StudyError(f"{axis} are {values}: give numbers from {lowest}.")
            if axis == "seeds" and max(values) >= 2**32:
                raise StudyError(f"seeds are {values}: give numbers below {2**32:,}.")
        if len({cell.name for cell in self.cells}) < len(self.cells):
            raise StudyError("two weight_decays have the same six digits, which name their cells: give one of them.")
        for width in sorted({cell.width for cell in self.cells}):
            if self.heads < 1 or width % self.heads:
                raise StudyError(f"a width of {width} does not divide among {self.heads} heads: change one of them.")
        self._check_numbers()
        for cell in self.cells:
            batch_of(self.batch_size, cell.width, cell.depth)
            self.states_of(cell)

    def _check_numbers(self) -> None:
        for name in ("window", "vocab_size", "save_steps"):
            if getattr(self, name) < 1:
                raise StudyError(f"{name} is {getattr(self, name)}: give a number from 1.")
        for name in ("max_train_tokens", "max_validation_tokens", "measure_train_tokens", "agreement_tokens"):
            if getattr(self, name) is not None and getattr(self, name) < 2:
                raise StudyError(f"{name} is {getattr(self, name)}: give a number from 2, or null for all.")
        try:
            rule = checked_rule(self.classes)
        except InputError as error:
            raise StudyError(str(error)) from None
        object.__setattr__(self, "classes", tuple(rule) if isinstance(rule, list) else rule)  # in one form
        if self.packing not in PACKINGS:
            raise StudyError(f"packing is {self.packing!r}: give {' or '.join(PACKINGS)}.")
        if self.block_size < 2:
            raise StudyError(f"block_size is {self.block_size}: give a number from 2.")
        if self.eval_steps is not None and self.eval_steps < 1:
            raise StudyError(f"eval_steps is {self.eval_steps}: give a number from 1, or null for one an epoch.")
        if not 0 < self.learning_rate < math.inf:
            raise StudyError(f"learning_rate is {self.learning_rate}: give a positive number.")
        if not 0 <= self.dropout < 1:
            raise StudyError(f"dropout is {self.dropout}: give a number from 0 to below 1.")
        if self.expected_blocks is not None and len(self.expected_blocks) != 2:
            raise StudyError("expected_blocks are not two: give those of train and of validation.")

    @property
    def cells(self) -> list[Cell]:
        """Every cell, each once, the smallest models first."""
        own = {axis: getattr(self, axis) for axis in AXES}
        found = {
            Cell(*settings)
            for block in ({}, *self.extra)
            for settings in product(*(block.get(axis, own[axis]) for axis in AXES))
        }
        return sorted(found, key=lambda cell: (cell.width * cell.depth, cell.epochs, cell.name))

    def states_of(self, cell: Cell) -> tuple[int, ...]:
        """The states of a cell that are kept and measured, in order: epochs completed less one, -1 at initialisation.

        Raises:
            StudyError: the cell has no such state.
        """
        if isinstance(self.states, dict):
            kept = self.states.get(cell.epochs, (cell.epochs - 1,))
        elif self.states in ("all", "last"):
            kept = tuple(range(cell.epochs)) if self.states == "all" else (cell.epochs - 1,)
        else:
            raise StudyError(f"states is {self.states!r}: give all, last, or lists by training length.")
        if not kept or len(set(kept)) != len(kept) or not 0 <= min(kept) <= max(kept) < cell.epochs:
            raise StudyError(f"states of {cell.epochs} epochs are {kept}: give numbers from 0 to {cell.epochs - 1}.")
        return ((INITIAL,) if self.initial else ()) + tuple(sorted(kept))

    def batch_of(self, cell: Cell) -> int:
        """Blocks a step of a cell, over all processes."""
        return batch_of(self.batch_size, cell.width, cell.depth)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings that decide the numbers, as plain data."""
        return {name: value for name, value in dataclasses.asdict(self).items() if name not in OPERATIONAL}


def load_study(preset: str | Path, overrides: Mapping[str, Any] | None = None) -> Study:
    """Read a study from a YAML file and override settings.

    An axis that is overridden is overridden in ``extra`` too, so that ``--widths 64`` leaves no other width.

    Args:
        preset: the file.
        overrides: settings by name; None leaves one as it is.

    Raises:
        StudyError: there is no such preset, a key is unknown or missing, or a value has the wrong type.
    """
    path = Path(preset)
    try:
        settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, IsADirectoryError):
        known = ", ".join(sorted(file.stem for file in path.parent.glob("*.yaml")))
        what = f"preset {path.stem}: choose {known}" if known else f"file {path}: check the path"
        raise StudyError(f"there is no {what}.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise StudyError(f"{path} is not YAML ({str(error).splitlines()[0]}): mend it.") from None
    if not isinstance(settings, dict):
        raise StudyError(f"{path} holds no settings: give a mapping of names to values.")
    given = {name: value for name, value in (overrides or {}).items() if value is not None}
    if given.keys() & TEXT:  # it was counted on another text
        settings.pop("expected_blocks", None)
    axes = () if "extra" in given else tuple(axis for axis in AXES if axis in given)
    try:
        return _STUDY.validate_python(settings | given, context=axes)
    except ValidationError as error:
        raise StudyError(_refusal(error, path.name)) from None


_STUDY = TypeAdapter(Study)


def _refusal(error: ValidationError, file: str) -> str:
    """Say of a study that cannot be read which setting is to blame, in one sentence."""
    found = [(detail["type"], str(detail["loc"][0]), detail["msg"]) for detail in error.errors()]
    unknown = [name for kind, name, _ in found if kind in ("unexpected_keyword_argument", "invalid_key")]
    missing = [name for kind, name, _ in found if kind == "missing"]
    if unknown or missing:
        what = f"{min(unknown)!r} of {file} is unknown" if unknown else f"{min(missing)!r} of {file} is missing"
        return f"setting {what}: the settings are {', '.join(field.name for field in dataclasses.fields(Study))}."
    _, name, said = found[0]
    return f"setting {name} {said}"
