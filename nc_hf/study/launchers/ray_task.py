"""One cell as a Ray task: what runs on a worker, and what it sends back."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from filelock import FileLock, Timeout

from nc_hf.errors import StudyError
from nc_hf.study.advance import Advance, Listener
from nc_hf.study.cell import Cell
from nc_hf.study.grid import Study
from nc_hf.study.launchers.local import one_line
from nc_hf.study.ledger import LOG
from nc_hf.study.runner import run_cell
from nc_hf.study.text import StudyText

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LOCK_SECONDS = 120.0
"""How long an attempt waits for the one before it, which ends by itself once it notices that its node is gone."""

TELL_SECONDS = 1.0

Tell = Callable[[str, Advance | None], None]
"""Told the name of a cell and how far it has come; None when it begins."""


@dataclass(frozen=True)
class StudyFolder:
    """The driver's folder of the study, which a worker may see or not.

    Attributes:
        path: absolute.
        token: name of a file that the driver keeps in it while it runs: a worker that finds it sees the same folder.
    """

    path: Path
    token: str

    @property
    def is_shared(self) -> bool:
        """Whether this machine sees the folder."""
        return (self.path / self.token).exists()


@dataclass(frozen=True)
class Outcome:
    """How a cell ended.

    Attributes:
        rows: one a state, of a cell that succeeded.
        log: its training log, where the driver cannot read it itself.
        why: of a cell that failed, in one line.
        details: the whole of it.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    log: str | None = None
    why: str | None = None
    details: str = ""


def run_task(study: Study, cell: Cell, text: StudyText, folder: StudyFolder, tell: Tell) -> Outcome:
    """Run a cell and catch what it dies of, so that only the loss of a worker or node makes Ray begin it again."""
    tell(cell.name, None)
    try:
        if folder.is_shared:
            with _alone(folder.path / "locks" / f"{cell.name}.worker"):
                rows = run_cell(
                    study,
                    cell,
                    text,
                    folder.path / "checkpoints" / cell.name,
                    shared=folder.path / "initial",
                    quiet=True,
                    listen=_seldom(cell, tell),
                )
                return Outcome(rows)
        return _run_apart(study, cell, text, tell)
    except Exception as error:  # whatever a cell dies of, the others go on
        return Outcome(why=one_line(error), details=traceback.format_exc())


def _run_apart(study: Study, cell: Cell, text: StudyText, tell: Tell) -> Outcome:
    """Run a cell in a folder of this machine, where a later attempt on it goes on, and leave nothing behind.

    Raises:
        StudyError: the weights are to be kept, where nobody would find them.
    """
    if study.keep_states:
        raise StudyError("this node does not see the study's folder, so it cannot keep states: share --output.")
    identity = json.dumps([study.to_dict(), text.train.fingerprint, text.validation.fingerprint], sort_keys=True)
    root = Path.home() / ".cache" / "nc_hf" / "study" / hashlib.sha256(identity.encode()).hexdigest()[:16]
    folder = root / cell.name
    with _alone(root / f"{cell.name}.lock"):
        rows = run_cell(study, cell, text, folder, quiet=True, listen=_seldom(cell, tell))
        log = (folder / LOG).read_text(encoding="utf-8") if (folder / LOG).exists() else None
        shutil.rmtree(folder, ignore_errors=True)
    return Outcome(rows, log)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Keep two attempts at one cell apart: the first may still be running when Ray has given its node up."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path, timeout=LOCK_SECONDS)
    try:
        lock.acquire()
    except Timeout:
        raise StudyError(f"another process still runs this cell ({path} is locked): end it and start again.") from None
    try:
        yield
    finally:
        lock.release()


def _seldom(cell: Cell, tell: Tell) -> Listener:
    """Tell how far the cell has come, at most once a second."""
    last = 0.0

    def listen(advance: Advance) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= TELL_SECONDS:
            last = now
            tell(cell.name, advance)

    return listen


def to_array(tensor: torch.Tensor) -> NDArray[np.generic]:
    """Give a tensor to Ray as an array, which all workers of a node then read from one place in memory."""
    return tensor.numpy()


def from_array(array: NDArray[np.generic]) -> torch.Tensor:
    """Take it back, without a copy; nothing writes into the text of a study."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*not writable.*")
        return torch.from_numpy(array)
