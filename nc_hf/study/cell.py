"""A cell: one training run, and every setting that can differ from one run of a study to the next."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, Field, asdict, dataclass, field, fields
from typing import Any

from nc_hf.corpus.packing import PACKINGS
from nc_hf.errors import StudyError
from nc_hf.study.naming import slug
from nc_hf.study.settings import Integer, Number, OrNull, Switch, Text, batch_of

FIXED_HEADS = ("simplex", "random")
ADDED_LOSSES = ("cdnv", "duality", "uniformity")


def _setting(
    words: str,
    default: Any = MISSING,
    *,
    lowest: float | None = None,
    below: float = math.inf,
    choices: tuple[str, ...] = (),
    text: bool = False,
) -> Any:
    """Declare a setting: what it is, for ``--help``; what it may be; and whether it decides the text of a run."""
    rule = {"words": words, "lowest": lowest, "below": below, "choices": choices, "text": text}
    return field(default=default, metadata=rule)


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One training run.

    Every field but `name` is a setting: a key of a preset, which takes one value or a list; an option of the command;
    a column of ``results.csv``. ``nc-hf study run --help`` says what each is.

    Attributes:
        name: for folders, given by the study: depth x width _ epochs _ decay _ seed, then whatever else varies in it.
    """

    family: Text = _setting("gpt_neo, llama, gpt_neox, qwen3, mamba, or hf:CONFIG, an id or a folder", "gpt_neo")
    width: Integer = _setting("width of the hidden states", lowest=1)
    depth: Integer = _setting("number of layers", lowest=1)
    heads: Integer = _setting("attention heads of a layer", lowest=1)
    window: Integer = _setting("tokens of GPT-Neo's local attention", 256, lowest=1)
    dropout: Number = _setting("of embeddings, attention and residual stream", 0.0, lowest=0, below=1)
    head: Text = _setting(
        "free, or a fixed frame: simplex or random (then it is not tied)", "free", choices=("free", *FIXED_HEADS)
    )
    tied: Switch = _setting("whether the head is the table of embeddings", True)
    added_loss: Text = _setting(
        "added to the training loss: none, cdnv, duality or uniformity", "none", choices=("none", *ADDED_LOSSES)
    )
    added_weight: Number = _setting("weight of the added loss (lambda)", 0.0, lowest=0)
    epochs: Integer = _setting("training length", lowest=1)
    batch_size: Integer = _setting(
        "blocks a step over all processes: a number, or numbers by model name (02x1024, 08x*), of which the first "
        "that fits counts",
        lowest=1,
    )
    optimizer: Text = _setting("as TrainingArguments(optim=) takes it", "adamw_torch")
    learning_rate: Number = _setting("its peak")
    lr_scheduler: Text = _setting("as TrainingArguments(lr_scheduler_type=) takes it", "linear")
    warmup_steps: Integer = _setting("steps over which the learning rate rises", 0, lowest=0)
    weight_decay: Number = _setting("of the optimizer", lowest=0)
    label_smoothing: Number = _setting("of the training loss alone", 0.0, lowest=0, below=1)
    seed: Integer = _setting("of the initialisation and of dropout", lowest=0, below=2**32)
    data_seed: OrNull[Integer] = _setting("of the order of the blocks; null: as seed", None, lowest=0, below=2**32)
    corpus: Text = _setting("builtin, tinystories, a path, or hub:ID; its train and validation parts", text=True)
    validation_corpus: OrNull[Text] = _setting("to validate on, in place of the corpus' own part", None, text=True)
    measure_also: OrNull[Text] = _setting(
        "a second corpus, on whose validation part each state is measured too", None, text=True
    )
    tokenizer: Text = _setting("a folder or an id; builtin; train: one of the study's own training text", text=True)
    vocab_size: Integer = _setting("of a tokenizer that is trained", lowest=1, text=True)
    packing: Text = _setting("how text becomes blocks: documents or paper", choices=PACKINGS, text=True)
    block_size: Integer = _setting("tokens a block", lowest=2, text=True)
    max_train_tokens: OrNull[Integer] = _setting("bound of the training text; null: all", lowest=2, text=True)
    name: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        """Bring what comes to the same into one form, and refuse what cannot be trained."""
        for each in settings():
            _check(each, getattr(self, each.name))
        if not 0 < self.learning_rate < math.inf:
            raise StudyError(f"learning_rate is {self.learning_rate}: give a positive number.")
        if self.added_loss == "none" or not self.added_weight:
            object.__setattr__(self, "added_loss", "none")
            object.__setattr__(self, "added_weight", 0.0)
        if self.head != "free":
            object.__setattr__(self, "tied", False)
        if self.data_seed is None:
            object.__setattr__(self, "data_seed", self.seed)
        if self.family != "mamba" and self.width % self.heads:
            raise StudyError(f"a width of {self.width} does not divide among {self.heads} heads: change one of them.")

    @classmethod
    def of(cls, values: Mapping[str, Any], name: str = "") -> Cell:
        """Make a cell of settings by name, with the batch that the rule for batches gives its model."""
        batch = batch_of(values["batch_size"], values["width"], values["depth"])
        return cls(**{**values, "batch_size": batch, "name": name})

    @property
    def settings(self) -> dict[str, Any]:
        """The settings by name, in the order of the table's columns."""
        return {name: value for name, value in asdict(self).items() if name != "name"}

    @property
    def text_key(self) -> str:
        """Name of the text that this cell is trained on, the same in all cells that share it."""
        return _key(self, (each.name for each in settings() if each.metadata["text"]), slug(self.corpus))

    @property
    def initial_key(self) -> str:
        """Name of the model before its first step, the same in all cells that begin with it, and of its text."""
        begins = ("family", "width", "depth", "heads", "window", "tied", "head", "seed")
        return f"{_key(self, begins, f'{self.depth:02d}x{self.width:04d}')}-{self.text_key}"


def settings() -> tuple[Field[Any], ...]:
    """Return the declarations of all settings of a cell."""
    return tuple(each for each in fields(Cell) if each.name != "name")


TEXT = frozenset(each.name for each in settings() if each.metadata["text"])
"""The settings that decide how many blocks there are."""


def _key(cell: Cell, names: Iterable[str], words: str) -> str:
    values = json.dumps({name: getattr(cell, name) for name in names}, sort_keys=True)
    return f"{words[:40]}-{hashlib.sha256(values.encode()).hexdigest()[:8]}"


def _check(declared: Field[Any], value: Any) -> None:
    """Refuse a value out of the range of its setting, or none of its choices."""
    name, rule = declared.name, declared.metadata
    if rule["choices"] and value not in rule["choices"]:
        raise StudyError(f"{name} is {value!r}: give {' or '.join(rule['choices'])}.")
    if rule["lowest"] is None or value is None:
        return
    if not rule["lowest"] <= value < rule["below"]:
        top = "" if rule["below"] == math.inf else f" to below {rule['below']:,}"
        null = ", or null for all" if name == "max_train_tokens" else ""
        raise StudyError(f"{name} is {value}: give a number from {rule['lowest']}{top}{null}.")
