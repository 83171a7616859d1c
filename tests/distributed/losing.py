"""A command or a training of several ranks, one of which is killed or stopped at some forward pass; run by a test."""

from __future__ import annotations

import json
import os
import runpy
import signal
import sys
from pathlib import Path
from typing import Any

from torch import nn

from nc_hf.runtime.files import write_text
from tests.paths import RECIPES

HOW = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}


def lose(how: str, rank: str, passes: int) -> None:
    """Let this process be killed or stopped when a model is about to read a batch more than so many."""
    if os.environ["RANK"] != rank or how not in HOW:
        return
    count = 0

    def hit(*_: Any) -> None:
        nonlocal count
        count += 1
        if count == passes + 1:
            os.kill(os.getpid(), HOW[how])

    def watched(self: nn.Module, *args: Any, **kwargs: Any) -> Any:
        if hasattr(self, "get_decoder"):
            hit()
        return call(self, *args, **kwargs)

    call = nn.Module.__call__
    nn.Module.__call__ = watched  # type: ignore[method-assign]


def evaluate(folder: Path, how: str, rank: str) -> None:
    """Evaluate twice; one rank is lost for the first, when the others wait for it to add up what they heard."""
    from nc_hf import NeuralCollapseCallback
    from nc_hf.training.measuring import Measuring
    from tests.training import evaluated, examples, make_trainer

    found: list[int] = []

    def heard(self: Measuring, *args: Any) -> Any:
        if not found and os.environ["RANK"] == rank:
            os.kill(os.getpid(), HOW[how])
        return measured(self, *args)

    measured = Measuring.heard
    Measuring.heard = heard  # type: ignore[method-assign]
    trainer = make_trainer(
        folder,
        NeuralCollapseCallback(),
        evaluation=examples(4, seed=2),
        per_device_eval_batch_size=2,
        ddp_find_unused_parameters=False,
    )
    for _ in range(2):
        found.append(len(evaluated(trainer.evaluate())))
        write_text(folder / f"rank{os.environ['RANK']}.json", json.dumps(found))


def main(what: str, folder: Path, how: str, rank: str, passes: int, *arguments: str) -> None:
    if what == "callback":
        evaluate(folder, how, rank)
        return
    lose(how, rank, passes)
    if what == "study":
        sys.argv = [str(RECIPES / "tinystories_grid.py"), *arguments]
        runpy.run_path(sys.argv[0], run_name="__main__")
        return
    from nc_hf.cli import main as command

    sys.argv = ["nc-hf", what, *arguments]
    command()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3], sys.argv[4], int(sys.argv[5]), *sys.argv[6:])
