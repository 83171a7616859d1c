"""What a cell of the study costs: training and measuring in tokens a second, against the bare model's passes.

On a GPU also for 12 x 1024 as the paper trained it (bf16, blocks of 2,048), with the hours that its grid would take.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from timing import machine, ratio_of_seconds, seconds_of
from transformers.utils.logging import disable_progress_bar

from nc_hf.corpus.blocks import TokenBlocks
from nc_hf.corpus.classes import ClassChoice
from nc_hf.measurement.collection import Collection
from nc_hf.measurement.one_pass import collect
from nc_hf.metrics.compute import compute_metrics
from nc_hf.study.cell import Cell
from nc_hf.study.cost import forward_flops
from nc_hf.study.families import build_model
from nc_hf.study.grid import Study
from nc_hf.study.preset import load_study
from nc_hf.study.text import StudyText
from nc_hf.study.training import train_cell

PUBLISHED_TOKENS, PUBLISHED_VALIDATION, PUBLISHED_CLASSES = 469_514_249, 4_714_191, 29_233
WARM, STEPS, PAIRS = 2, 12, 3


@dataclass(frozen=True)
class Rates:
    """How fast one cell was.

    Attributes:
        training: tokens a second through the Trainer.
        measuring: tokens a second of the pass for NC1-NC3.
        deciding: tokens a second of the pass for NC4.
        pairing: K^2 D a second of the metrics of K classes in D dimensions.
    """

    training: float
    measuring: float
    deciding: float
    pairing: float


def grid_hours(
    study: Study,
    reference: Cell,
    rates: Rates,
    *,
    train_tokens: int = PUBLISHED_TOKENS,
    validation_tokens: int = PUBLISHED_VALIDATION,
    classes: int = PUBLISHED_CLASSES,
) -> tuple[float, float]:
    """Hours of training and of measuring all cells of a study on one device, from the rates of one of them.

    A token of another cell is taken to cost as many times more as it has operations. So the narrow cells, which leave
    a GPU idle, are given too little.
    """
    own = forward_flops(reference, reference.vocab_size)
    training = measuring = 0.0
    for cell in study.cells:
        work, states = forward_flops(cell, cell.vocab_size) / own, study.count_states(cell)
        training += work * train_tokens * study.epochs_run(cell) / rates.training
        state = work * (train_tokens / rates.measuring + validation_tokens / rates.deciding)
        measuring += states * (state + classes**2 * cell.width / rates.pairing)
    return training / 3600, measuring / 3600


def one_cell(preset: str, width: int, depth: int, vocabulary: int) -> tuple[Study, Cell]:
    """A study of one cell, trained for an epoch, with the settings of a preset."""
    axes = {"width": [width], "depth": [depth], "epochs": [1], "weight_decay": [0.0005], "seed": [0]}
    study = load_study(preset, axes | {"vocab_size": vocabulary, "states": "last"})
    (cell,) = study.cells
    return study, cell


def random_text(cell: Cell, blocks: int) -> StudyText:
    """Random tokens as frequent as words."""
    torch.manual_seed(0)
    frequency = 1 / torch.arange(1.0, cell.vocab_size + 1)

    def part(split: str) -> TokenBlocks:
        ids = torch.multinomial(frequency, blocks * cell.block_size, replacement=True).view(blocks, cell.block_size)
        return TokenBlocks(ids, torch.zeros_like(ids), split, cell.packing, "random", split, "none", None)

    train = part("train")
    return StudyText(train, part("validation"), cell.vocab_size, train, ClassChoice("all", None))


def measure_rates(study: Study, cell: Cell, device: str) -> Rates:
    """Print and return what a cell costs, beside the passes of its bare model over the same blocks."""
    batch = cell.batch_size
    text = random_text(cell, STEPS * batch)
    model = build_model(cell, cell.vocab_size).to(device)
    print(
        f"cell {cell.depth} x {cell.width}, vocabulary {cell.vocab_size}, {batch} x {cell.block_size} tokens a step, "
        f"{device}, {'bf16 training, float32 measuring' if device == 'cuda' else 'float32'}; {machine()}"
    )

    def compare(name: str, ours: Callable[[], float], bare: Callable[[], float], steps: int, passes: str) -> float:
        times, slow, fast = ratio_of_seconds(ours, bare, PAIRS)
        tokens = steps * batch * cell.block_size
        print(f"{name}: {tokens / slow:,.0f} tokens/s, {passes} alone {tokens / fast:,.0f} tokens/s: {times:.2f} x")
        return tokens / slow

    def decided() -> None:
        found = collect(model, text.validation, batch_size=batch, agreement_tokens=everything, progress=False)
        found.decisions(found.decided(), centres=centres, leave_one_out=False).counts()
        wait()

    def measured() -> Collection:
        return collect(model, text.measured, batch_size=batch, agreement_tokens=0, outcomes=False, progress=False)

    def passed() -> None:
        measured()
        wait()

    training = compare(
        "training through the Trainer",
        lambda: trained_seconds(study, cell, text),
        lambda: backward_seconds(model, text.train, batch),
        STEPS - 1 - WARM,
        "forward and backward",
    )
    everything = text.validation.num_labels

    def forward() -> float:
        return seconds_of(lambda: forward_only(model, text.train, batch))

    measuring = compare("measuring NC1-NC3", lambda: seconds_of(passed), forward, STEPS, "forward")
    collection = measured()
    centres = collection.statistics
    deciding = compare("measuring NC4 and the loss", lambda: seconds_of(decided), forward, STEPS, "forward")
    took = seconds_of(lambda: compute_metrics(centres, collection.head, "full", 1, None))
    print(f"metrics of {centres.num_classes} classes: {took:.2f} s a state")
    return Rates(training, measuring, deciding, centres.num_classes**2 * cell.width / took)


def trained_seconds(study: Study, cell: Cell, text: StudyText) -> float:
    """Train as the runner does; seconds of the steps between the first few and the last, which saves."""
    stamps: list[float] = []
    text = replace(text, validation=text.validation.shard(1, STEPS))  # its evaluation is not among what is timed

    def listen(share: float) -> None:
        if len(stamps) in (WARM, STEPS - 1):
            wait()
        stamps.append(time.perf_counter())

    with tempfile.TemporaryDirectory() as folder:
        train_cell(study, cell, text, Path(folder), quiet=True, listen=listen)
    return stamps[STEPS - 1] - stamps[WARM]


def backward_seconds(model: torch.nn.Module, blocks: TokenBlocks, batch: int) -> float:
    """Forward and backward over as many steps, in the precision that the Trainer uses."""
    on_gpu = model.device.type == "cuda"
    model.train()
    for step in range(STEPS - 1):
        if step == WARM:
            wait()
            began = time.perf_counter()
        ids = blocks.input_ids[step * batch : (step + 1) * batch].to(model.device).long()
        with torch.autocast("cuda", torch.bfloat16) if on_gpu else nullcontext():
            loss = model(input_ids=ids, labels=ids).loss
        loss.backward()
        model.zero_grad()
    wait()
    return time.perf_counter() - began


def forward_only(model: torch.nn.Module, blocks: TokenBlocks, batch: int) -> None:
    """Forward alone."""
    model.eval()
    with torch.no_grad():
        for ids in blocks.input_ids.split(batch):
            model(input_ids=ids.to(model.device), use_cache=False)
    wait()


def wait() -> None:
    """Wait for the GPU, which works behind."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def main() -> None:
    """Print the costs of one cell, and on a GPU those of the paper's largest and of its grid."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--depth", type=int, default=2)
    parser.add_argument("--vocab", type=int, default=4096)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args()
    if options.device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # the Trainer takes a GPU that it sees
    disable_progress_bar()
    measure_rates(*one_cell("mini", options.width, options.depth, options.vocab), options.device)
    if options.device == "cuda":
        study, largest = one_cell("paper", 1024, 12, 50_257)
        rates = measure_rates(study, largest, "cuda")
        grid = load_study("paper")
        training, measuring = grid_hours(grid, largest, rates)
        states = sum(map(grid.count_states, grid.cells))
        print(
            f"the paper's grid ({len(grid.cells)} runs, {states} models measured), by operations: "
            f"{training:,.0f} h training + {measuring:,.0f} h measuring on one such GPU"
        )


if __name__ == "__main__":
    main()
