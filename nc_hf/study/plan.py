"""What a study would do, before it does it: the table of ``--dry-run``.

* **Parameters** are counted on the model itself, built on the meta device, where nothing is allocated.
* **Memory** of a process: 16 bytes a parameter (weights, gradients and Adam's two moments in float32), what the
  backward pass needs of the forward pass (summed over the tensors that autograd saves, again on the meta device, for
  the whole batch in float32, so too much for bf16), and the gradient of the logits. Not the libraries themselves.
* **Time**: a few training steps are run here for one model of each width, on short sequences, which gives the
  floating-point operations a second that this machine reaches at that width; a cell takes its own operations
  (``cost.forward_flops``: 2 a weight and token, the head's too, and the attention scores; to train three times
  that) at that rate. The metrics themselves, evaluations and saving are left out, and what several processes gain.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from accelerate.state import PartialState
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from nc_hf.errors import CorpusError, HubError, TokenizerError
from nc_hf.study.cell import Cell
from nc_hf.study.cost import TRAINING, forward_flops
from nc_hf.study.display import duration
from nc_hf.study.families import build_model, count_parameters
from nc_hf.study.grid import Study, texts_of
from nc_hf.study.text import open_text
from nc_hf.study.threads import fitting_threads
from nc_hf.study.training import process_batch

BYTES_A_PARAMETER = 16
PROBE_TOKENS = 256
PROBE_FLOPS = 2e10
PROBES = 3

CAPTION = """saved: states kept and measured; parameters: counted on the model; GiB: memory
of one process, float32: weights, gradients, Adam, and what the backward pass
keeps; time: training and measuring at the speed of a few steps that were run
here for each width."""


@dataclass(frozen=True)
class TextSize:
    """How much text a study has.

    Attributes:
        train, validation: blocks; None where the corpus cannot be read.
        vocab_size: entries of the tokenizer.
        note: where the numbers come from.
        other: blocks of the second corpus; 0 where there is none, or it was not read.
    """

    train: int | None
    validation: int | None
    vocab_size: int
    note: str
    other: int = 0


@dataclass(frozen=True)
class CellPlan:
    """What a cell costs.

    Attributes:
        cell: the cell.
        states: how many of its states are measured.
        batch_size: blocks a step.
        parameters: of its model.
        tokens: trained on, counting each epoch; None if the text is unknown.
        memory: bytes of one process while training.
        seconds: of training and measuring on this machine; None if the text is unknown.
    """

    cell: Cell
    states: int
    batch_size: int
    parameters: int
    tokens: int | None
    memory: int
    seconds: float | None


def print_plan(study: Study, cells: list[Cell], console: Console) -> None:
    """Print what the study would do: its cells, and what each costs.

    Raises:
        StudyError: a batch does not divide among the processes.
    """
    sizes = {key: text_size(study, cell) for key, cell in texts_of(cells).items()}
    plans = plan_cells(study, cells, sizes)
    console.print(plan_table(plans))
    for key, size in sizes.items():
        blocks = (
            "" if size.train is None else f"{size.train:,} blocks to train on and {size.validation:,} to validate, "
        )
        console.print(f"{key if len(sizes) > 1 else 'text'}: {blocks}{size.note}", highlight=False, soft_wrap=True)
    console.print(f"{len(plans)} cells, {sum(plan.states for plan in plans)} measured states", highlight=False)
    if all(plan.seconds is not None for plan in plans):
        total = duration(sum(plan.seconds or 0 for plan in plans))
        console.print(f"one after another on this machine ({machine()}): {total}", highlight=False, soft_wrap=True)
    console.print(CAPTION, highlight=False)


def plan_table(plans: list[CellPlan]) -> Table:
    """Show a row for each cell."""
    table = Table(title="What would run", box=SIMPLE_HEAD, padding=(0, 0, 0, 1))
    for title in ("cell", "saved", "batch", "parameters", "M tokens", "GiB", "time"):
        table.add_column(title, justify="left" if title == "cell" else "right", no_wrap=True)
    for plan in plans:
        tokens = "unknown" if plan.tokens is None else three_digits(plan.tokens / 1e6)
        seconds = "unknown" if plan.seconds is None else duration(plan.seconds)
        shape = (plan.cell.name, f"{plan.states}", f"{plan.batch_size}", f"{plan.parameters:,}")
        table.add_row(*shape, tokens, three_digits(plan.memory / 2**30), seconds)
    return table


def machine() -> str:
    """Name what this process computes on."""
    if torch.cuda.is_available():
        return str(torch.cuda.get_device_name())
    threads = torch.get_num_threads()
    return f"{threads} CPU thread{'s' if threads > 1 else ''}"


def three_digits(value: float) -> str:
    """Write a number with three digits, or all before the point.

    >>> three_digits(0.0213), three_digits(16.5567), three_digits(4697.4)
    ('0.02', '16.6', '4,697')
    """
    return f"{value:,.{2 if value < 9.995 else 1 if value < 99.95 else 0}f}"


def text_size(study: Study, cell: Cell) -> TextSize:
    """Find out how much text a cell has: from ``expected_blocks``, or by reading the corpus."""
    if study.expected_blocks is not None:
        train, validation = study.expected_blocks
        return TextSize(train, validation, cell.vocab_size, "as expected_blocks says; the corpus was not read")
    try:
        text = open_text(study, cell)
    except (CorpusError, HubError, TokenizerError) as error:
        return TextSize(None, None, cell.vocab_size, f"unknown: {error}")
    other = 0 if text.other is None else len(text.other)
    return TextSize(len(text.train), len(text.validation), text.vocab_size, "counted on the corpus", other)


def plan_cells(study: Study, cells: list[Cell], sizes: Mapping[str, TextSize]) -> list[CellPlan]:
    """Estimate what cells cost; the machine is measured first.

    Raises:
        StudyError: a batch does not divide among the processes.
    """
    speed = functools.cache(flops_a_second)  # of a family and width: depth changes little
    models = functools.cache(lambda cell, vocab: (count_parameters(cell, vocab), training_memory(cell, vocab)))
    found = []
    for cell in cells:
        size, states = sizes[cell.text_key], study.count_states(cell)
        parameters, memory = models(_model_alone(cell), size.vocab_size)
        tokens = seconds = None
        if size.train is not None:
            tokens = size.train * cell.block_size * study.epochs_run(cell)
            passed = TRAINING * tokens + states * _measured_tokens(study, cell, size)
            with fitting_threads(cell):  # as it will be trained
                rate = speed(replace(_model_alone(cell), depth=1), size.vocab_size)
            seconds = passed * forward_flops(cell, size.vocab_size) / rate
        found.append(CellPlan(cell, states, cell.batch_size, parameters, tokens, memory, seconds))
    return found


def _model_alone(cell: Cell) -> Cell:
    """Take the cell for one of another length, seed or optimizer: what a step costs is the same."""
    return replace(cell, epochs=1, seed=0, data_seed=0, weight_decay=0.0, learning_rate=1e-3, label_smoothing=0.0)


def training_memory(cell: Cell, vocab_size: int) -> int:
    """Bytes that one process needs to train a cell; see the head of this module."""
    batch, length = process_batch(cell), cell.block_size
    with torch.device("meta"):
        model = build_model(cell, vocab_size)
        ids = torch.zeros(batch, length, dtype=torch.long)
        # as it is, so that no value of it is looked at
        mask = None if cell.family == "mamba" else torch.zeros(1, 1, length, length)
    own = {tensor.untyped_storage()._cdata for tensor in (*model.parameters(), *model.buffers())}
    saved: dict[int, torch.UntypedStorage] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        saved[storage._cdata] = storage
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        model(input_ids=ids, attention_mask=mask, labels=ids, use_cache=False)
    activations = sum(storage.nbytes() for key, storage in saved.items() if key not in own)
    logits = 4 * batch * length * vocab_size
    return BYTES_A_PARAMETER * int(model.num_parameters()) + activations + logits


def flops_a_second(cell: Cell, vocab_size: int) -> float:
    """Measure what this machine reaches in training a cell's model: the best of three steps, after one to warm up."""
    length = min(cell.block_size, PROBE_TOKENS)
    flops = TRAINING * forward_flops(cell, vocab_size) * length
    batch = max(1, min(cell.batch_size, int(PROBE_FLOPS / flops)))
    device = PartialState().device
    model = build_model(cell, vocab_size).to(device).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=cell.learning_rate)
    ids = torch.randint(vocab_size, (batch, length), device=device)
    bf16 = device.type == "cuda" and torch.cuda.is_bf16_supported()
    seconds = []
    for _ in range(1 + PROBES):
        began = time.perf_counter()
        with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            loss = model(input_ids=ids, labels=ids, use_cache=False).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        loss.item()  # waits for a GPU
        seconds.append(time.perf_counter() - began)
    return flops * batch / min(seconds[1:])


def _measured_tokens(study: Study, cell: Cell, size: TextSize) -> int:
    """Tokens of a forward pass over what one state is measured on."""
    train, validation = size.train or 0, (size.validation or 0) + size.other
    if study.measure_train_tokens is not None:
        train = min(train, max(1, study.measure_train_tokens // cell.block_size))
    return (train + validation) * cell.block_size
