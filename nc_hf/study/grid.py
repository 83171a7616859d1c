"""The grid as data: a study's settings, read from a preset, checked, and laid out in cells."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import yaml

from nc_hf.errors import StudyError


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
    """Everything that decides a study's numbers.

    Attributes:
        widths, depths, epochs, weight_decays, seeds: the axes; every combination is a cell.
        corpus: as ``nc_hf.corpus.open_corpus`` takes it; its ``train`` and ``validation`` splits are used.
        tokenizer: folder or id, or ``builtin`` for one trained on the built-in corpus.
        vocab_size: of the built-in tokenizer.
        packing: how text becomes blocks.
        block_size: tokens a block.
        heads: attention heads of the GPT-Neo models.
        window: of their local attention, in tokens.
        learning_rate: of AdamW, decaying linearly without warm-up.
        batch_size: blocks a step and process.
        max_train_tokens, max_validation_tokens: bounds of the two texts.
        min_count: tokens that a class needs to count.
        agreement_tokens: validation tokens on which NC4 is decided.
    """

    widths: tuple[int, ...]
    depths: tuple[int, ...]
    epochs: tuple[int, ...]
    weight_decays: tuple[float, ...]
    seeds: tuple[int, ...]
    corpus: str
    tokenizer: str
    vocab_size: int
    packing: str
    block_size: int
    heads: int
    window: int
    learning_rate: float
    batch_size: int
    max_train_tokens: int
    max_validation_tokens: int
    min_count: int
    agreement_tokens: int

    def __post_init__(self) -> None:
        """Refuse what cannot be trained, before anything is."""
        for axis in ("widths", "depths", "epochs", "weight_decays", "seeds"):
            values = getattr(self, axis)
            if not values or len(set(values)) != len(values):
                raise StudyError(f"{axis} are {values}: give one value or more, each once.")
        uneven = [width for width in self.widths if width % self.heads]
        if uneven:
            raise StudyError(f"a width of {uneven[0]} does not divide among {self.heads} heads: change one of them.")
        for name in ("widths", "depths", "epochs"):
            if min(getattr(self, name)) < 1:
                raise StudyError(f"{name} are {getattr(self, name)}: give numbers from 1.")

    @property
    def cells(self) -> list[Cell]:
        """Every cell, the smallest models first."""
        axes = product(self.widths, self.depths, self.epochs, self.weight_decays, self.seeds)
        return sorted((Cell(*settings) for settings in axes), key=lambda cell: (cell.width * cell.depth, cell.name))

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as plain data."""
        return dataclasses.asdict(self)


def load_study(preset: str | Path, overrides: Mapping[str, Any] | None = None) -> Study:
    """Read a study from a YAML file and override settings.

    Raises:
        StudyError: there is no such preset, a key is unknown or missing, or a value has the wrong type.
    """
    path = Path(preset)
    try:
        settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        known = ", ".join(sorted(file.stem for file in path.parent.glob("*.yaml")))
        raise StudyError(f"there is no preset {path.stem}: choose {known or 'a YAML file'}.") from None
    except yaml.YAMLError as error:
        raise StudyError(f"{path} is not YAML ({str(error).splitlines()[0]}): mend it.") from None
    if not isinstance(settings, dict):
        raise StudyError(f"{path} holds no settings: give a mapping of names to values.")
    settings |= {name: value for name, value in (overrides or {}).items() if value is not None}
    fields = {field.name: str(field.type) for field in dataclasses.fields(Study)}
    wrong = sorted(set(settings) - set(fields)) or sorted(set(fields) - set(settings))
    if wrong:
        what = "is unknown" if wrong[0] not in fields else "is missing"
        raise StudyError(f"setting {wrong[0]!r} of {path.name} {what}: the settings are {', '.join(fields)}.")
    return Study(**{name: _typed(name, value, fields[name]) for name, value in settings.items()})


def _typed(name: str, value: Any, kind: str) -> Any:
    convert = {"int": int, "float": float, "str": str}[kind.removeprefix("tuple[").removesuffix(", ...]")]
    try:
        if kind.startswith("tuple"):
            values = value if isinstance(value, list | tuple) else [value]
            return tuple(convert(item) for item in values)
        return convert(value)
    except (TypeError, ValueError):
        raise StudyError(f"setting {name} is {value!r}: give {kind.replace(', ...', 's')}.") from None
