"""What an unfinished cell has on disk: its last checkpoint, the states it has reached, and the rows measured of them.

A process can be killed at any instruction, so nothing is taken for whole that was not moved into place, or marked,
as the last step of writing it.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from nc_hf.runtime.files import write_text
from nc_hf.study.schedule import State

MARKER = "complete.json"
"""Written into a Trainer's checkpoint when all of it is there, with the ``seconds`` trained so far."""


class CellFolder:
    """The folder of a cell that is not finished.

    ==================  ====================================================================
    ``checkpoint-N/``   the Trainer's, after N steps; only the newest whole one is kept
    ``state-N/``        the weights after N steps; 0000000 is before the first
    ``row-N.json``      what was measured of that state
    ==================  ====================================================================
    """

    def __init__(self, path: str | Path) -> None:
        """Name the folder; nothing is made."""
        self.path = Path(path)

    def clean(self) -> None:
        """Remove what was being written when a run was killed, and checkpoints that a newer one supersedes."""
        self.path.mkdir(parents=True, exist_ok=True)
        newest = self.newest()
        for path in self.path.iterdir():
            if path.name.startswith(".") or (path.name.startswith("checkpoint-") and path != newest):
                _remove(path)

    def newest(self) -> Path | None:
        """The last whole checkpoint."""
        whole = [path for path in self.path.glob("checkpoint-*") if read_whole(path / MARKER) is not None]
        return max(whole, key=_step_of, default=None)

    def seconds(self, step: int) -> float:
        """Read how long training had taken by the checkpoint of a step."""
        marker = read_whole(self.path / f"checkpoint-{step}" / MARKER) or {}
        return float(marker["seconds"])

    def resume_point(self, states: Sequence[State]) -> Path | None:
        """The checkpoint to go on from: the last, unless a wanted state before it was lost."""
        newest = self.newest()
        if newest is not None and all(self.has_state(state) for state in states if 0 < state.step <= _step_of(newest)):
            return newest
        return None

    def mark(self, step: int, seconds: float) -> None:
        """Say that the checkpoint of this step is whole, and remove the older ones."""
        current = self.path / f"checkpoint-{step}"
        write_text(current / MARKER, json.dumps({"seconds": seconds}) + "\n")
        for path in self.path.glob("checkpoint-*"):
            if path != current:
                _remove(path)

    def state(self, state: State) -> Path:
        """Where the weights of a state are."""
        return self.path / f"state-{state.name}"

    def has_state(self, state: State) -> bool:
        """Whether the weights of a state are there and whole; a copy of the folder may have lost some."""
        files = list(self.state(state).glob("*.safetensors"))
        try:
            for file in files:
                with safe_open(file, framework="pt"):
                    pass
        except (OSError, SafetensorError):
            return False
        return bool(files)

    def save_state(self, state: State, save: Callable[[Path], object]) -> None:
        """Let ``save`` write the weights of a state into a folder, which appears whole or not at all."""
        self.path.mkdir(parents=True, exist_ok=True)
        target = self.state(state)
        partial = target.with_name(f".{target.name}")
        _remove(partial)
        save(partial)
        _remove(target)
        os.replace(partial, target)

    def row(self, state: State) -> dict[str, Any] | None:
        """What was measured of a state; None if it was not."""
        return read_whole(self._row_path(state))

    def save_row(self, state: State, row: dict[str, Any]) -> None:
        """Keep what was measured of a state."""
        write_text(self._row_path(state), json.dumps(row) + "\n")

    def _row_path(self, state: State) -> Path:
        return self.path / f"row-{state.name}.json"


def _step_of(checkpoint: Path) -> int:
    return int(checkpoint.name.partition("-")[2])


def read_whole(path: Path) -> dict[str, Any] | None:
    """Read a file of ours; None if it is not there or, after a crash of the machine, not whole."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return document if isinstance(document, dict) else None


def _remove(path: Path) -> None:
    """Remove a folder, its mark first, so that a kill midway leaves nothing that looks whole."""
    (path / MARKER).unlink(missing_ok=True)
    shutil.rmtree(path, ignore_errors=True)
