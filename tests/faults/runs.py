"""The runs that are broken off: each with a folder to work in, and what it finds in the end."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from nc_hf import NeuralCollapseCallback
from nc_hf.cli import app
from nc_hf.corpus.stories import stories
from nc_hf.report import Report
from nc_hf.report.trajectory import Trajectory
from nc_hf.space.request import Request
from nc_hf.space.store import Store, StoredResult
from nc_hf.statistics.class_statistics import ClassStatistics
from tests.faults.kinds import bits, report
from tests.training import make_trainer, save_tiny


@dataclass(frozen=True)
class Work:
    """A kind of run.

    Attributes:
        begin: does it in a folder, given the folder with what all share; done again it goes on.
        result: what it found, without what differs from run to run; None where there is nothing yet.
        room: bytes that its largest files do not fit into.
    """

    begin: Callable[[Path, Path], object]
    result: Callable[[Path], Any]
    room: int


def make_shared(folder: Path) -> None:
    """What the runs read: a model, three states of it, and text."""
    save_tiny(folder / "model")
    (folder / "text.txt").write_text("\n\n".join(islice(stories(0), 120)), encoding="utf-8")
    for split, seed in (("train", 1), ("validation", 2)):
        lines = [json.dumps({"text": story}) + "\n" for story in islice(stories(seed), 40)]
        (folder / "corpus").mkdir(exist_ok=True)
        (folder / "corpus" / f"{split}.jsonl").write_text("".join(lines), encoding="utf-8")
    for step in (1, 2, 3):
        state = folder / "states" / f"checkpoint-{step}"
        save_tiny(state)
        weights = load_file(state / "model.safetensors")
        torch.manual_seed(step)
        weights["model.norm.weight"] += torch.rand(16)
        save_file(weights, state / "model.safetensors", metadata={"format": "pt"})


HOW = ["--max-tokens", "4000", "--block-size", "64", "--batch-size", "2", "--device", "cpu", "--classes", "top:40"]


def command(*arguments: object) -> None:
    app([str(argument) for argument in arguments], prog_name="nc-hf")


def same_report(found: Report) -> dict[str, Any]:
    """What a report says, but when it was made and how long that took."""
    return {name: value for name, value in found.to_dict().items() if name not in ("created", "seconds")}


def begin_measure(folder: Path, shared: Path) -> None:
    files = ["--output", folder / "report.json", "--save-statistics", folder / "run.safetensors"]
    kept = ["--checkpoint", folder / "kept", "--save-every", "1"]
    command("measure", shared / "model", "--corpus", shared / "text.txt", *HOW, *files, *kept, "--quiet")


def measured(folder: Path) -> Any:
    """Both files, or nothing: what is there is whole."""
    found: list[Any] = [None, None]
    if (folder / "report.json").exists():
        found[0] = same_report(Report.load(folder / "report.json"))
    if (folder / "run.safetensors").exists():
        found[1] = bits(ClassStatistics.load(folder / "run.safetensors").state_dict())
    return None if None in found else found


def begin_trajectory(folder: Path, shared: Path) -> None:
    states = ["trajectory", shared / "states", "--corpus", shared / "text.txt", "--save-every", "1"]
    command(*states, *HOW, "--no-stderr", "--output", folder / "course", "--quiet")


def followed(folder: Path) -> Any:
    path = folder / "course" / "trajectory.json"
    return [same_report(each.report) for each in Trajectory.load(path).points] if path.exists() else None


def program(begin: Callable[[Path, Path], object]) -> Callable[[Path, Path], object]:
    """What is no command of ours, but a program of somebody else's: that it was interrupted is its own to say."""

    def run(folder: Path, shared: Path) -> None:
        try:
            begin(folder, shared)
        except KeyboardInterrupt:
            raise SystemExit(130) from None

    return run


@program
def begin_training(folder: Path, shared: Path) -> None:
    """A Trainer with a callback, that goes on from its last checkpoint and leaves its curve."""
    saves = {"save_strategy": "steps", "save_steps": 2, "eval_strategy": "steps", "eval_steps": 2, "max_steps": 8}
    trainer = make_trainer(folder / "trainer", NeuralCollapseCallback(), **saves)
    # The last file that a Trainer writes of a checkpoint: one without it is half-written, which is not ours to mend.
    whole = sorted(path.parent for path in (folder / "trainer").glob("checkpoint-*/trainer_state.json") if _reads(path))
    trainer.train(resume_from_checkpoint=str(whole[-1]) if whole else None)
    curve = [{k: v for k, v in row.items() if "nc" in k or k == "eval_loss"} for row in trainer.state.log_history]
    (folder / "curve.json").write_text(json.dumps(curve))


def _reads(path: Path) -> bool:
    try:
        return bool(json.loads(path.read_text()))
    except ValueError:
        return False


def trained(folder: Path) -> Any:
    path = folder / "curve.json"
    return json.loads(path.read_text()) if path.exists() else None


GRID = ["--width", "16", "--depth", "1", "--epochs", "1", "--seed", "0", "--vocab-size", "400", "--block-size", "32"]
GRID += ["--tokenizer", "train", "--max-train-tokens", "3000", "--max-validation-tokens", "1000", "--save-steps", "3"]


def begin_study(folder: Path, shared: Path) -> None:
    command("study", "run", "smoke", *GRID, "--corpus", shared / "corpus", "--output", folder / "study")


def studied(folder: Path) -> Any:
    path = folder / "study" / "results.csv"
    return path.read_bytes() if path.exists() else None


RESULTS = 12


@program
def begin_keeping(folder: Path, shared: Path) -> None:
    """The page keeps results, one after another."""
    store = Store(folder / "store")
    for number in range(RESULTS):
        key = f"{number:032x}"
        if store.find(key) is None:
            store.keep(StoredResult(key, Request("owner/name", None, "builtin", 50_000, "core"), report()))


def keeping(folder: Path) -> Any:
    store = Store(folder / "store")
    found = [store.find(f"{number:032x}") for number in range(RESULTS)]
    return None if None in found else [each.report.to_json() for each in found if each is not None]


WORK: dict[str, Work] = {
    "measure": Work(begin_measure, measured, 20_000),
    "trajectory": Work(begin_trajectory, followed, 20_000),
    "training with a callback": Work(begin_training, trained, 20_000),
    "study": Work(begin_study, studied, 20_000),
    "page's store": Work(begin_keeping, keeping, 5_000),
}
