"""Several evaluations with the callback, on one rank or on each of several; run by the tests beside it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from accelerate.state import PartialState

from nc_hf import NeuralCollapseCallback
from nc_hf.errors import NCError
from tests.training import evaluated, examples, make_trainer, tiny_model, token_blocks


def rows_partly_unlabelled() -> list[dict[str, Any]]:
    """The rows of the second rank, by 2, have no labels but in the last batch."""
    rows = examples(11, seed=2)
    for number in (2, 3, 6, 7):
        rows[number]["labels"][:] = -100
    return rows


def evaluate(folder: Path, callback: NeuralCollapseCallback, rows: Any, **settings: Any) -> dict[str, float]:
    settings = {"per_device_eval_batch_size": 2, "ddp_find_unused_parameters": False, **settings}
    trainer = make_trainer(folder, callback, evaluation=rows, **settings)
    return evaluated(trainer.evaluate())


def train(folder: Path) -> list[dict[str, Any]]:
    """Both kinds of callback in one training; one process accumulates what several share out."""
    processes = int(sys.argv[2])
    own = NeuralCollapseCallback(token_blocks(7, 3), every=2, batch_size=1, preset=["nc1_trace_ratio"])
    trainer = make_trainer(
        folder,
        NeuralCollapseCallback(),
        own,
        per_device_train_batch_size=4 // processes,
        per_device_eval_batch_size=2,
        eval_strategy="steps",
        eval_steps=2,
        ddp_find_unused_parameters=False,
    )
    trainer.train()
    return [row for row in trainer.state.log_history if "eval_nc1_trace_ratio" in row]


def bypassed(folder: Path) -> str:
    try:
        evaluate(folder, NeuralCollapseCallback(), examples(5), label_smoothing_factor=0.1)
    except NCError as error:
        return str(error)
    return ""


def main(folder: Path) -> None:
    torch.manual_seed(0)
    rows = examples(11, seed=2)
    results = {
        "uneven": evaluate(folder, NeuralCollapseCallback(preset="full"), rows),
        "even": evaluate(folder, NeuralCollapseCallback(), rows[:8]),
        "sampled": evaluate(folder, NeuralCollapseCallback(agreement_tokens=50), rows),
        "one batch": evaluate(folder, NeuralCollapseCallback(), rows[:2]),
        "unlabelled": evaluate(folder, NeuralCollapseCallback(), rows_partly_unlabelled()),
        "own": evaluate(folder, NeuralCollapseCallback(token_blocks(7, 3), preset="full"), rows),
        "bypassed": bypassed(folder),
        "trained": train(folder),
        "model": sum(parameter.double().sum().item() for parameter in tiny_model().parameters()),
    }
    (folder / f"rank{PartialState().process_index}.json").write_text(json.dumps(results))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
    if dist.is_initialized():
        dist.destroy_process_group()
