"""Every kind of file that is read back: how it comes to be, and what it says in a form that can be compared."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from accelerate.state import PartialState
from safetensors.torch import load_file, save_file
from torch import Tensor

from nc_hf import ClassStatistics
from nc_hf.corpus.corpus import Corpus
from nc_hf.corpus.stories import builtin_tokenizer, stories
from nc_hf.measurement.checkpoint import CheckpointFolder
from nc_hf.measurement.collection import Collection
from nc_hf.measurement.kept import KeptReports
from nc_hf.metrics.table import METRICS
from nc_hf.report import Report
from nc_hf.report.trajectory import Trajectory
from nc_hf.space.request import Request
from nc_hf.space.store import Store, StoredResult
from nc_hf.study.analysis.results import read_results
from nc_hf.study.checkpoints import CellFolder
from nc_hf.study.ledger import Ledger
from nc_hf.study.packed import Packing, keep_packed, note_texts
from nc_hf.study.preset import load_study
from nc_hf.study.schedule import State
from nc_hf.study.sealing import write_sealed
from tests.class_statistics import batch, statistics
from tests.collected import quietly
from tests.reports import SCHEMA_7, point
from tests.training import tiny_model, token_blocks

Content = Any
"""What a file says; None where it is left aside, as if it were not there, or told to be edited."""


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    Attributes:
        write: makes one in a folder, with what belongs to it, and returns its path.
        read: returns what it says, by the way on which the product reads it.
    """

    write: Callable[[Path], Path]
    read: Callable[[Path], Content]


def bits(tensors: dict[str, Tensor]) -> dict[str, tuple[str, list[int], bytes]]:
    """Tensors in a form in which two are equal only to the bit."""
    return {
        name: (str(each.dtype), list(each.shape), each.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
        for name, each in sorted(tensors.items())
    }


@cache
def report() -> Report:
    return Report.load(SCHEMA_7)


def write_statistics(folder: Path) -> Path:
    made = statistics(batch(3, 60), covariance=True)
    made.provenance.update(model="owner/name", corpus="stories")
    made.save(folder / "run.safetensors")
    return folder / "run.safetensors"


def read_statistics(path: Path) -> Content:
    found = ClassStatistics.load(path)
    return bits(found.state_dict()), found.provenance


def collection() -> Collection:
    return Collection(tiny_model(), agreement_tokens=40, groups=3, rows=11)


def checkpoints(folder: Path, of: Collection) -> CheckpointFolder:
    return CheckpointFolder(folder, of, tiny_model(), token_blocks(11, 5), 2, PartialState(cpu=True))


@cache
def state_of_a_pass() -> dict[str, Tensor]:
    found: dict[str, Tensor] = quietly(
        tiny_model(), token_blocks(11, 5), batch_size=2, agreement_tokens=40, groups=3
    ).state_dict()
    return found


def write_checkpoint(folder: Path) -> Path:
    """Two states of a pass, of which the newest is to be harmed."""
    of = collection()
    kept = checkpoints(folder, of)
    of.load_state_dict(state_of_a_pass())
    for batches in (3, 4):
        kept.save(batches)
    return folder / "rank0.4.safetensors"


def read_checkpoint(path: Path) -> Content:
    """What a pass goes on from: the newest state, or with a warning that before it; from either it ends alike."""
    of = collection()
    batches = checkpoints(path.parent, of).resume()
    return bits(of.state_dict()) if batches in (3, 4) else batches


@cache
def corpus() -> Corpus:
    return Corpus("some", "all", list(islice(stories(0), 12)))


@cache
def tokenizer() -> Any:
    return builtin_tokenizer(400)


STUDY = load_study("smoke")
CELL = STUDY.cells[0]


def write_packed(folder: Path) -> Path:
    text = folder / "texts" / "some"
    text.mkdir(parents=True)
    blocks = keep_packed(text, "train", corpus(), tokenizer(), Packing(32, "documents", None))
    note_texts(text, STUDY, {"train": blocks})
    return text / "train.safetensors"


def read_packed(path: Path) -> Content:
    """A text that is damaged is made anew, to the same."""
    blocks = keep_packed(path.parent, "train", corpus(), tokenizer(), Packing(32, "documents", None))
    note_texts(path.parent, STUDY, {"train": blocks})
    rest = {name: value for name, value in vars(blocks).items() if not isinstance(value, Tensor)}
    return bits({"ids": blocks.input_ids}), repr(rest)


def write_report(folder: Path) -> Path:
    report().save(folder / "report.json")
    return folder / "report.json"


def write_course(folder: Path) -> Path:
    Trajectory("owner/name", [point("step0", 5.0, nc1_cdnv=2.0), point("step10", 4.0, nc1_cdnv=1.0)], []).save(
        folder / "trajectory.json"
    )
    return folder / "trajectory.json"


SETTINGS = {"nc_hf": "0", "model": "owner/name", "corpus": "builtin"}
COMMIT = "c" * 40


def write_kept(folder: Path) -> Path:
    model = type(report().model)(**{**vars(report().model), "commit": COMMIT})
    KeptReports(folder, SETTINGS).keep(COMMIT, type(report())(**{**vars(report()), "model": model}))
    return folder / f"{COMMIT}.json"


def read_kept(path: Path) -> Content:
    found = KeptReports(path.parent, SETTINGS).find(COMMIT, lambda each: report().corpus.fingerprint)
    return None if found is None else found.to_json()


KEY = "a" * 32


def write_result(folder: Path) -> Path:
    Store(folder).keep(StoredResult(KEY, Request("owner/name", None, "builtin", 50_000, "core"), report(), None))
    return folder / f"{KEY}.json"


def read_result(path: Path) -> Content:
    found = Store(path.parent).find(KEY)
    return None if found is None else (found.request.to_dict(), found.report.to_json(), found.text_commit)


def rows() -> list[dict[str, Any]]:
    values = {name: 0.5 + place / 7 for place, name in enumerate(list(METRICS)[:5])}
    outcomes = {"val_loss": 1 / 3, "val_accuracy": 0.25, "perplexity": 7.5}
    times = {"train_seconds": 2.5, "measure_seconds": 0.1}
    return [{**CELL.settings, "saved_epoch": epoch, **outcomes, **values, **times} for epoch in (-1, 0, 1)]


def write_entry(folder: Path) -> Path:
    Ledger(folder, STUDY).record(CELL, rows())
    return folder / "cells" / f"{CELL.name}.json"


def in_ledger(name: str) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        write_entry(folder)
        return folder / name

    return write


def read_entry(path: Path) -> Content:
    return Ledger(path.parents[1], STUDY).rows()


def write_table(folder: Path) -> Path:
    import pandas as pd

    write_sealed(folder / "results.csv", pd.DataFrame(rows()).to_csv(index=False))
    return folder / "results.csv"


def read_table(path: Path) -> Content:
    with warnings_of("nc_hf.study") as told:
        frame = read_results(path.parent / "results.csv")
    return None if told else frame.to_csv(index=False)


STATE = State(20, 20)


def write_row(folder: Path) -> Path:
    CellFolder(folder).save_row(STATE, rows()[0] | {"nan": float("nan")})
    return folder / f"row-{STATE.name}.json"


def read_row(path: Path) -> Content:
    row = CellFolder(path.parent).row(STATE)
    return None if row is None else repr(row)  # NaN is not equal to itself


def write_state(folder: Path) -> Path:
    def save(target: Path) -> None:
        target.mkdir()
        save_file({"weight": torch.arange(40.0)}, target / "model.safetensors", metadata={"format": "pt"})

    CellFolder(folder).save_state(STATE, save)
    return folder / f"state-{STATE.name}" / "model.safetensors"


def read_state(path: Path) -> Content:
    whole = CellFolder(path.parents[1]).has_state(STATE)
    return bits(load_file(path.parent / "model.safetensors")) if whole else None


def write_training(folder: Path) -> Path:
    kept = folder / "checkpoint-5"
    kept.mkdir()
    (kept / "optimizer.pt").write_bytes(bytes(range(256)))
    CellFolder(folder).mark(5, 3.5)
    return kept / "optimizer.pt"


def read_training(path: Path) -> Content:
    folder = CellFolder(path.parents[1])
    newest = folder.newest()
    return None if newest is None else (newest.name, (newest / "optimizer.pt").read_bytes(), folder.seconds(5))


KINDS: dict[str, Kind] = {
    "statistics": Kind(write_statistics, read_statistics),
    "checkpoint and sample": Kind(write_checkpoint, read_checkpoint),
    "packed text": Kind(write_packed, read_packed),
    "note of a text": Kind(lambda folder: write_packed(folder).with_name("text.json"), read_packed),
    "report": Kind(write_report, lambda path: Report.load(path).to_json()),
    "trajectory": Kind(write_course, lambda path: Trajectory.load(path).to_json()),
    "kept report": Kind(write_kept, read_kept),
    "settings of kept reports": Kind(
        lambda folder: write_kept(folder).with_name("settings.json"),
        lambda path: read_kept(path.parent / f"{COMMIT}.json"),
    ),
    "result of the page": Kind(write_result, read_result),
    "cell of a study": Kind(write_entry, read_entry),
    "settings of a study": Kind(in_ledger("study.json"), lambda path: Ledger(path.parent, STUDY).rows()),
    "timings of a cell": Kind(
        in_ledger(f"timings/{CELL.name}.json"), lambda path: Ledger(path.parents[1], STUDY).timings()
    ),
    "table of a study": Kind(write_table, read_table),
    "seal of a table": Kind(lambda folder: write_table(folder).with_name("results.seal.json"), read_table),
    "row of a state": Kind(write_row, read_row),
    "weights of a state": Kind(write_state, read_state),
    "training checkpoint": Kind(write_training, read_training),
    "mark of a checkpoint": Kind(lambda folder: write_training(folder).with_name("complete.json"), read_training),
}


@contextmanager
def warnings_of(name: str) -> Iterator[list[str]]:
    """What is logged meanwhile."""
    told: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: told.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger(name)
    logger.addHandler(handler)
    try:
        yield told
    finally:
        logger.removeHandler(handler)
