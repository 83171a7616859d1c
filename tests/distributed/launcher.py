"""Runs a piece of a test in one process or in several, on the CPU."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.paths import ROOT


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def launch(script: Path, processes: int, *arguments: str) -> list[Any]:
    """Run a script under ``accelerate launch`` and return what each rank wrote to ``rank<N>.json``.

    ``--cpu`` would silently run one process; with ``--multi_gpu`` the script must ask for the CPU.

    Args:
        script: gets the folder to write to as its first argument.
        processes: how many; 1 runs plain Python.
        arguments: the folder, and what else the script takes.
    """
    folder = Path(arguments[0])
    folder.mkdir(parents=True, exist_ok=True)
    start = [sys.executable]
    if processes > 1:
        start += ["-m", "accelerate.commands.launch", "--multi_gpu", "--num_machines", "1", "--mixed_precision", "no"]
        start += ["--dynamo_backend", "no", "--num_processes", str(processes), "--main_process_port", str(free_port())]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*start, str(script), *arguments], env=environment, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return [json.loads((folder / f"rank{rank}.json").read_text()) for rank in range(processes)]
