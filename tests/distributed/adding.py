"""Steps of a cell with an added loss, on one rank or on each of several; run by the test beside it."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch.distributed as dist
from accelerate.state import PartialState

from nc_hf.study.families import build_model
from nc_hf.study.interventions.objective import StudyTrainer
from nc_hf.study.preset import load_study
from tests.training import VOCAB_SIZE, make_trainer


def steps(folder: Path, loss: str, head: str) -> dict[str, Any]:
    """Two steps of eight rows, two at a time: one process accumulates what several share out."""
    cell = load_study("smoke").changed(block_size=32, vocab_size=VOCAB_SIZE, seed=0).cells[0]
    cell = replace(cell, head=head, added_loss=loss, added_weight=0.5, label_smoothing=0.1)
    trainer = make_trainer(
        folder,
        trainer=lambda **given: StudyTrainer(cell=cell, **given),
        model=build_model(cell, VOCAB_SIZE),
        optim="sgd",
        learning_rate=0.1,
        max_steps=2,
        per_device_train_batch_size=2,
        gradient_accumulation_steps=int(sys.argv[2]),
        ddp_find_unused_parameters=False,
    )
    trainer.train()
    return {
        "logged": [(row["loss"], row["added_loss"]) for row in trainer.state.log_history if "loss" in row],
        "weights": {name: weight.double().norm().item() for name, weight in trainer.model.named_parameters()},
    }


def main(folder: Path) -> None:
    results = {
        f"{loss} {head}": steps(folder, loss, head) for loss in ("cdnv", "duality") for head in ("free", "simplex")
    }
    (folder / f"rank{PartialState().process_index}.json").write_text(json.dumps(results))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
    if dist.is_initialized():
        dist.destroy_process_group()
