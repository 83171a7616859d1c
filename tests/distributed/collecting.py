"""Collections on one rank or on each of several, saved on the way; run by tests."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import torch.distributed as dist
from accelerate.state import PartialState
from torch import nn

from nc_hf.corpus.classes import choose_classes
from nc_hf.measurement.collection import Collection
from nc_hf.measurement.one_pass import collect
from tests.collected import agreement_of, metrics_of
from tests.training import tiny_model, token_blocks


def killed_at(model: nn.Module, passes: int) -> None:
    """End this process, as kill -9 does, when the model is about to read a batch more than so many.

    Its first pass is to see how it reads.
    """
    count = 0

    def die(*_: Any) -> None:
        nonlocal count
        count += 1
        if count > passes + 1:
            os.kill(os.getpid(), signal.SIGKILL)

    model.register_forward_pre_hook(die)


def everything(collection: Collection) -> dict[str, Any]:
    """All that a collection holds, in a form that JSON keeps exactly."""
    layers = {
        name: {
            "ids": stats.class_ids.tolist(),
            "counts": stats.counts.tolist(),
            "means": stats.means.tolist(),
            "scatter": stats.scatter.tolist(),
            "within": None if stats.within_scatter is None else stats.within_scatter.tolist(),
        }
        for name, stats in ((name, layer.statistics) for name, layer in collection.layers.items())
    }
    assert collection.head is not None
    listed = choose_classes("top:9", collection.statistics.census(), None).ids
    return {
        "layers": layers,
        "groups": [group.means.tolist() for group in collection.final.groups],
        "agreement": [
            vars(agreement_of(collection, name, classes, groups))
            for name in layers
            for classes in (None, listed)
            for groups in ((), *((group,) for group in range(len(collection.final.groups))))
        ],
        "totals": [collection.tokens, collection.loss_sum, collection.correct],
        "head": [collection.head.describe(), collection.head_error],
        "metrics": [metrics_of(collection, "full", classes) for classes in (None, listed)],
    }


def main(folder: Path, kill: int, *cases: str) -> None:
    """Collect each case, ``BLOCKSxBATCH_SIZE``; ``kill`` says after how many forward passes, or -1 for never."""
    state = PartialState(cpu=True)
    model = tiny_model().eval()
    if kill >= 0:
        killed_at(model, kill)
    results = {}
    for case in cases:
        blocks, batch_size = case.split("x")
        collection = collect(
            model,
            token_blocks(int(blocks), 4, classes=24),
            batch_size=int(batch_size),
            layers="all",
            covariance=True,
            agreement_tokens=120,
            groups=3,
            checkpoint=folder / "checkpoint",
            save_every=1,
            progress=False,
        )
        results[case] = everything(collection)
    (folder / f"rank{state.process_index}.json").write_text(json.dumps(results))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
    if dist.is_initialized():
        dist.destroy_process_group()
