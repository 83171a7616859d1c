"""What an unfinished cell has on disk: its last checkpoint, the states it has reached, and the rows measured of them.

A process can be killed at any instruction, so nothing is taken for whole that was not moved into place, or marked,
as the last step of writing it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from nc_hf.runtime.files import write_text
from nc_hf.runtime.seal import SEAL, BrokenSealError, opened, sealed
from nc_hf.runtime.strict_json import parse_json
from nc_hf.study.schedule import State

MARKER = "complete.json"
"""Written into a folder when all of it is there, with a digest of each of its files, under a seal; into a Trainer's
checkpoint with the ``seconds`` trained so far."""


class CellFolder:
    """The folder of a cell that is not finished.

    ==================  ====================================================================
    ``checkpoint-N/``   the Trainer's, after N steps; only the newest whole one is kept
    ``state-N/``        the weights after N steps; 0000000 is before the first
    ``row-N.json``      what was measured of that state, under a seal
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
        steps = sorted(self.path.glob("checkpoint-*"), key=_step_of, reverse=True)
        return next((path for path in steps if _is_whole(path)), None)

    def seconds(self, step: int) -> float:
        """Read how long training had taken by the checkpoint of a step."""
        marker = _marker(self.path / f"checkpoint-{step}")
        return float(marker["seconds"]) if marker else 0.0

    def resume_point(self, states: Sequence[State]) -> Path | None:
        """The checkpoint to go on from: the last, unless a wanted state before it was lost."""
        newest = self.newest()
        if newest is not None and all(self.has_state(state) for state in states if 0 < state.step <= _step_of(newest)):
            return newest
        return None

    def mark(self, step: int, seconds: float) -> None:
        """Say that the checkpoint of this step is whole, and remove the older ones."""
        current = self.path / f"checkpoint-{step}"
        write_whole(current / MARKER, {"seconds": seconds, "files": _digests(current)})
        for path in self.path.glob("checkpoint-*"):
            if path != current:
                _remove(path)

    def state(self, state: State) -> Path:
        """Where the weights of a state are."""
        return self.path / f"state-{state.name}"

    def has_state(self, state: State) -> bool:
        """Whether the weights of a state are there and whole; a copy of the folder may have lost some."""
        folder = self.state(state)
        files = list(folder.glob("*.safetensors"))
        if (folder / MARKER).exists():
            return bool(files) and _is_whole(folder)
        try:  # written before states had a marker
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
        write_whole(partial / MARKER, {"files": _digests(partial)})
        _remove(target)
        os.replace(partial, target)

    def row(self, state: State) -> dict[str, Any] | None:
        """What was measured of a state; None if it was not."""
        return read_whole(self._row_path(state))

    def save_row(self, state: State, row: dict[str, Any]) -> None:
        """Keep what was measured of a state."""
        write_whole(self._row_path(state), row)

    def _row_path(self, state: State) -> Path:
        return self.path / f"row-{state.name}.json"


def _step_of(checkpoint: Path) -> int:
    return int(checkpoint.name.partition("-")[2])


def write_whole(path: Path, document: dict[str, Any]) -> None:
    """Write a file of ours under a seal."""
    write_text(path, json.dumps(sealed(document)) + "\n")


def read_whole(path: Path) -> dict[str, Any] | None:
    """Read what ``write_whole`` wrote; None if it is not there or, after a crash of the machine, not as it was."""
    document = _read(path)
    try:
        return opened(document) if document is not None and SEAL in document else None
    except BrokenSealError:
        return None


def _read(path: Path) -> dict[str, Any] | None:
    try:
        document = parse_json(path.read_text(encoding="utf-8"), not_finite=True)
    except (OSError, ValueError):
        return None
    return document if isinstance(document, dict) else None


def _marker(folder: Path) -> dict[str, Any] | None:
    """Read the mark of a folder; an older one says the seconds and no more."""
    whole = read_whole(folder / MARKER)
    older = _read(folder / MARKER) if whole is None else None
    return older if older is not None and older.keys() == {"seconds"} else whole


def _is_whole(folder: Path) -> bool:
    """Whether a folder is marked, and its files are those that were marked."""
    marker = _marker(folder)
    return marker is not None and ("files" not in marker or marker["files"] == _digests(folder))


def _digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file of a folder but its mark."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != MARKER:
            with path.open("rb") as file:
                found[path.relative_to(folder).as_posix()] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def _remove(path: Path) -> None:
    """Remove a folder, its mark first, so that a kill midway leaves nothing that looks whole."""
    (path / MARKER).unlink(missing_ok=True)
    shutil.rmtree(path, ignore_errors=True)
