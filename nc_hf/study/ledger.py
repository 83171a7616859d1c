"""What is done: one file a finished cell, so that a study that was stopped goes on where it was."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from nc_hf.errors import FileError, StudyError
from nc_hf.runtime.files import make_folder, write_text
from nc_hf.runtime.strict_json import parse_json
from nc_hf.study.cell import Cell
from nc_hf.study.grid import Study

TIMINGS = ("train_seconds", "measure_seconds")
"""Columns of a row that differ from run to run: they are kept apart from the table."""

LOG = "log.json"
"""Name of the training log in a cell's folder."""

SETTINGS = "study.json"
TEXTS = "texts"
"""Folder with a folder for each text of the study."""
SETTINGS_LOCK = ".settings.lock"

BEGUN = ("cells", "checkpoints", "failures", "results.csv")
"""What a study leaves once it has come to training."""


class Ledger:
    """The finished and the failed cells of one study, under ``folder``.

    ============================  ==================================================================================
    ``study.json``                the settings; a folder in which others have trained anything is refused
    ``texts/TEXT/``               a text in blocks of tokens, made anew if they are removed; in ``text.json`` what it is
                                  known by, and ``tokenizer.json`` if that was trained on it
    ``initial/MODEL.json``        what was measured of a model before its first step, for all cells that begin with it
    ``cells/CELL.json``           the rows of a finished cell with their sha256, written in one atomic step
    ``timings/CELL.json``         how long each of its rows took
    ``logs/CELL.json``            its training log, with the callback's curve
    ``failures/CELL.txt``         why it failed, until it succeeds
    ``locks/CELL.lock``           held by the process that runs it
    ``checkpoints/CELL/``         what an unfinished cell goes on from
    ============================  ==================================================================================

    Raises:
        StudyError: the folder holds another study, or an entry that was edited or cut short.
        FileError: a file is in its place, or it cannot be written.
    """

    def __init__(self, folder: str | Path, study: Study) -> None:
        """Open or begin a ledger."""
        self.folder = Path(folder)
        self.study = study
        path = self.folder / SETTINGS
        make_folder(self.folder)
        if not os.access(self.folder, os.W_OK):
            raise FileError(f"{self.folder} cannot be written: open it to you, or give another --output.")
        with FileLock(self.folder / SETTINGS_LOCK):
            if path.exists() and not self._is_same(read_json(path)):
                self._forget()
            elif not path.exists() and self._begun():
                raise StudyError(f"{self.folder} holds {self._begun()} but no {SETTINGS}: give another --output.")
            if not path.exists():
                write_text(path, json.dumps(_settings(study), indent=2) + "\n")
        self.rows()

    def cell_folder(self, cell: Cell) -> Path:
        """Where a cell keeps what it goes on from."""
        return self.folder / "checkpoints" / cell.name

    @property
    def initial_folder(self) -> Path:
        """Where cells that begin with the same model leave each other its measurement."""
        return self.folder / "initial"

    def is_done(self, cell: Cell) -> bool:
        """Whether a cell is finished."""
        return self._path("cells", cell).exists()

    def failure(self, cell: Cell) -> str | None:
        """What was recorded when a cell failed; None if it did not, or succeeded since."""
        path = self._path("failures", cell, "txt")
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else None

    @contextmanager
    def claim(self, cell: Cell) -> Iterator[bool]:
        """Reserve a cell for this process; yields False if another one has it, or it is done.

        The system gives the lock back when a process ends, however it ends.

        Raises:
            StudyError: another start has meanwhile begun the folder with other settings.
        """
        path = self._path("locks", cell, "lock")
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path, timeout=0)
        try:
            lock.acquire()
        except Timeout:
            yield False
            return
        try:
            with holding(self.folder, self.study):
                pass
            yield not self.is_done(cell)
        finally:
            lock.release()

    def record(self, cell: Cell, rows: Sequence[dict[str, Any]]) -> None:
        """Enter a finished cell, a row a saved state, and clear its checkpoints away."""
        timings = [{name: row[name] for name in ("saved_epoch", *TIMINGS) if name in row} for row in rows]
        table = [{name: value for name, value in row.items() if name not in TIMINGS} for row in rows]
        log = self.cell_folder(cell) / LOG
        if log.exists():
            write_text(self._path("logs", cell), log.read_text(encoding="utf-8"))
        write_text(self._path("timings", cell), json.dumps(_digested(timings), indent=1) + "\n")
        entry = {**_digested(table), "keeps_states": self.study.keep_states}
        write_text(self._path("cells", cell), json.dumps(entry, indent=1) + "\n")
        self._path("failures", cell, "txt").unlink(missing_ok=True)
        self.tidy(cell)

    def tidy(self, cell: Cell) -> None:
        """Remove what a finished cell no longer needs: all but the weights of its states, if it was to keep them.

        A start calls this too, for cells whose run was killed between their entry and the end of this. By then the
        study may be told otherwise, so what was asked for is in the entry.
        """
        folder, keep_states = self.cell_folder(cell), self._entry(cell).get("keeps_states", True)
        for path in list(folder.iterdir()) if folder.is_dir() else ():
            if path.is_file():
                path.unlink(missing_ok=True)  # another job may tidy the same cell
            elif not (keep_states and path.name.startswith("state-")):
                shutil.rmtree(path, ignore_errors=True)
        with suppress(OSError):  # it holds states, or is gone
            folder.rmdir()

    def record_failure(self, cell: Cell, error_text: str) -> None:
        """Keep why a cell failed; it is run again when the study is started again."""
        write_text(self._path("failures", cell, "txt"), error_text.rstrip() + "\n")

    def rows(self) -> list[dict[str, Any]]:
        """Return the rows of every finished cell, in the order of the grid.

        Raises:
            StudyError: an entry was edited or cut short.
        """
        return [row for cell in self.study.cells if self.is_done(cell) for row in self._entry(cell)["rows"]]

    def timings(self) -> list[dict[str, Any]]:
        """Return how long each row of ``rows()`` took, in seconds: a cell's training, and the measuring of a state."""
        found = []
        for cell in filter(self.is_done, self.study.cells):
            path = self._path("timings", cell)
            found += [{"cell": cell.name, **row} for row in (_whole(path)["rows"] if path.exists() else ())]
        return found

    def _begun(self) -> str | None:
        """Name a trace of a study that has trained something; None if there is none."""
        return next((name for name in BEGUN if (self.folder / name).exists()), None)

    def _is_same(self, found: Any) -> bool:
        """Whether the folder's settings are these; others are refused unless nothing was trained with them."""
        other = _others(self.folder, found, self.study)
        if other and (self._begun() or self._running()):
            raise StudyError(f"{self.folder} holds a study with other {', '.join(other)}: give another --output.")
        return not other

    def _running(self) -> bool:
        """Whether a process has claimed a cell."""
        for path in (self.folder / "locks").glob("*.lock"):
            try:
                FileLock(path, timeout=0).acquire().lock.release()
            except Timeout:
                return True
        return False

    def _forget(self) -> None:
        """Remove what a start that came to nothing has left."""
        (self.folder / SETTINGS).unlink(missing_ok=True)
        shutil.rmtree(self.folder / TEXTS, ignore_errors=True)

    def _entry(self, cell: Cell) -> dict[str, Any]:
        return _whole(self._path("cells", cell))

    def _path(self, kind: str, cell: Cell, ending: str = "json") -> Path:
        return self.folder / kind / f"{cell.name}.{ending}"


@contextmanager
def holding(folder: Path, study: Study) -> Iterator[None]:
    """Keep others from giving the folder other settings for a moment, if these are its settings.

    Raises:
        StudyError: another start, with other settings, has meanwhile taken the folder over.
    """
    with FileLock(folder / SETTINGS_LOCK):
        path = folder / SETTINGS
        if path.exists() and (other := _others(folder, read_json(path), study)):
            raise StudyError(f"another start gave {folder} other {', '.join(other)}: give each its own --output.")
        yield


def _others(folder: Path, found: Any, study: Study) -> list[str]:
    """Name the settings of a folder that are not the study's."""
    if not isinstance(found, dict):
        raise StudyError(f"{folder / SETTINGS} was edited or cut short: put it back, or give another --output.")
    mine = _settings(study)
    return sorted(name for name in mine.keys() | found.keys() if found.get(name) != mine.get(name))


def _settings(study: Study) -> dict[str, Any]:
    settings: dict[str, Any] = json.loads(json.dumps(study.to_dict()))
    return settings


def read_json(path: Path) -> Any:
    """Read a file of the ledger.

    Raises:
        StudyError: it was edited or cut short.
        FileError: it cannot be read.
    """
    try:
        return parse_json(path.read_text(encoding="utf-8"), not_finite=True)
    except ValueError:
        raise _spoilt(path) from None
    except OSError as error:
        raise FileError(f"{path} cannot be read ({error.strerror}): check the folder.") from None


def _whole(path: Path) -> dict[str, Any]:
    """Read rows that were written with their digest, and what else stands beside them.

    Raises:
        StudyError: they were edited or cut short.
    """
    entry = read_json(path)
    rows = entry.get("rows") if isinstance(entry, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise _spoilt(path)
    if not isinstance(entry, dict) or entry.get("sha256") != _digest(rows):
        raise _spoilt(path)
    return entry


def _spoilt(path: Path) -> StudyError:
    return StudyError(f"{path} was edited or cut short: put it back, or remove it to run its part again.")


def _digested(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return rows with their digest."""
    return {"sha256": _digest(rows), "rows": rows}


def _digest(rows: object) -> str:
    return hashlib.sha256(json.dumps(rows, sort_keys=True).encode()).hexdigest()
