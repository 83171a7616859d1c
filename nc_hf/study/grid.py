"""The grid as data: every setting of a cell with its values, their combinations, and which states are measured."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from typing import Any

from nc_hf.corpus.classes import SHARE, checked_rule
from nc_hf.errors import InputError, StudyError
from nc_hf.study.cell import Cell, settings
from nc_hf.study.naming import cell_names
from nc_hf.study.schedule import State, chosen_epochs, log_spaced
from nc_hf.study.settings import Classes, Integer, Integers, OrNull, States, Switch

OPERATIONAL = ("save_steps", "keep_states", "expected_blocks")
"""Settings that change how a study is run, and none of its numbers."""

Axes = Mapping[str, tuple[Any, ...]]


def _whole(words: str, default: Any) -> Any:
    """Declare a setting of the whole study, with what it is for ``--help``."""
    return field(default=default, metadata={"words": words})


@dataclass(frozen=True)
class Study:
    """Everything that decides a study's numbers, and how it is run.

    ``nc-hf study run --help`` says what each setting is.

    Attributes:
        axes: every setting of `Cell` by name, each with one value or more; every combination is a cell.
        extra: further products; an axis that one does not name is the grid's own. Cells that coincide are one.
    """

    axes: Axes
    extra: tuple[Axes, ...] = ()
    states: States = _whole(
        "which models a cell keeps and measures, by epochs completed less one: all, last, or a mapping of training "
        "lengths to lists of states, where a length that is not named keeps its last",
        "all",
    )
    log_states: Integer = _whole("so many further states, at steps spaced evenly on a log axis", 0)
    log_first: Integer = _whole("the first step of these", 1)
    initial: Switch = _whole("measure each model before its first step too", True)
    max_validation_tokens: OrNull[Integer] = _whole("bound of the validation text; null: all", None)
    measure_train_tokens: OrNull[Integer] = _whole(
        "bound of the training text that NC1-NC3 are measured on; null: all that was trained on", None
    )
    agreement_tokens: OrNull[Integer] = _whole("validation tokens on which NC4 is decided; null: all", None)
    classes: Classes = _whole("which tokens count: a share of the training text, top:N, a file, ids, or all", SHARE)
    eval_steps: OrNull[Integer] = _whole("steps between the points of the training curve; null: one an epoch", None)
    torch_compile: Switch = _whole("compile the models", False)
    save_steps: Integer = _whole("steps between two checkpoints to go on from", 500)
    keep_states: Switch = _whole("keep the weights of the measured states when a cell is done", False)
    expected_blocks: OrNull[Integers] = _whole(
        "train and validation blocks that the corpus should give, for --dry-run without it", None
    )

    def __post_init__(self) -> None:
        """Refuse what cannot be trained, before anything is."""
        for axis, values in ((axis, block[axis]) for block in (self.axes, *self.extra) for axis in block):
            if not values or any(value in values[:place] for place, value in enumerate(values)):
                raise StudyError(f"{axis} is {list(values)}: give one value or more, each once.")
        self._check_numbers()
        for cell in self.cells:
            chosen_epochs(self.states, cell.epochs)

    def _check_numbers(self) -> None:
        for name in ("max_validation_tokens", "measure_train_tokens", "agreement_tokens"):
            if getattr(self, name) is not None and getattr(self, name) < 2:
                raise StudyError(f"{name} is {getattr(self, name)}: give a number from 2, or null for all.")
        try:
            rule = checked_rule(self.classes)
        except InputError as error:
            raise StudyError(str(error)) from None
        object.__setattr__(self, "classes", tuple(rule) if isinstance(rule, list) else rule)  # in one form
        for name in ("save_steps", "log_first"):
            if getattr(self, name) < 1:
                raise StudyError(f"{name} is {getattr(self, name)}: give a number from 1.")
        if self.log_states < 0:
            raise StudyError(f"log_states is {self.log_states}: give a number from 0.")
        if self.eval_steps is not None and self.eval_steps < 1:
            raise StudyError(f"eval_steps is {self.eval_steps}: give a number from 1, or null for one an epoch.")
        if self.expected_blocks is not None and len(self.expected_blocks) != 2:
            raise StudyError("expected_blocks are not two: give those of train and of validation.")

    @cached_property
    def cells(self) -> list[Cell]:
        """Every cell, each once, the smallest models first."""
        names = [each.name for each in settings()]
        found = {
            Cell.of(dict(zip(names, values, strict=True))): None
            for block in ({}, *self.extra)
            for values in product(*({**self.axes, **block}[name] for name in names))
        }
        cells = [
            dataclasses.replace(cell, name=name)
            for cell, name in zip(found, cell_names([cell.settings for cell in found]), strict=True)
        ]
        return sorted(cells, key=lambda cell: (cell.width * cell.depth, cell.epochs, cell.name))

    def states_of(self, cell: Cell, steps_an_epoch: int) -> tuple[State, ...]:
        """The states of a cell that are kept and measured, in order.

        Args:
            cell: of the study.
            steps_an_epoch: of its training.
        """
        steps = {(epoch + 1) * steps_an_epoch for epoch in chosen_epochs(self.states, cell.epochs)}
        steps |= log_spaced(self.log_states, self.log_first, cell.epochs * steps_an_epoch)
        return tuple(State(step, steps_an_epoch) for step in sorted(steps | ({0} if self.initial else set())))

    def count_states(self, cell: Cell) -> int:
        """How many states of a cell are measured, at most: the log-spaced ones may fall on others."""
        return len(chosen_epochs(self.states, cell.epochs)) + self.log_states + self.initial

    def epochs_run(self, cell: Cell) -> int:
        """How many epochs of a cell are trained: those after its last state are not."""
        return cell.epochs if self.log_states else max(chosen_epochs(self.states, cell.epochs)) + 1

    def changed(self, **changes: Any) -> Study:
        """Return the study with other settings: those of a cell may be one value or several."""
        axes = {name: _several(value) for name, value in changes.items() if name in self.axes}
        rest = {name: value for name, value in changes.items() if name not in self.axes}
        extra = tuple({**block, **{name: axes[name] for name in axes.keys() & block.keys()}} for block in self.extra)
        return dataclasses.replace(self, axes={**self.axes, **axes}, **({"extra": extra} | rest))

    def to_dict(self) -> dict[str, Any]:
        """Return the settings that decide the numbers, as plain data."""
        whole = {each.name: getattr(self, each.name) for each in whole_settings() if each.name not in OPERATIONAL}
        return {**self.axes, "extra": self.extra, **whole}


def texts_of(cells: Iterable[Cell]) -> dict[str, Cell]:
    """Return a cell of each text that some cells have, by the name of the text."""
    return {cell.text_key: cell for cell in cells}


def whole_settings() -> Iterable[dataclasses.Field[Any]]:
    """Return the declarations of the settings that a study has once."""
    return (each for each in dataclasses.fields(Study) if each.metadata)


def _several(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, list | tuple) else (value,)
