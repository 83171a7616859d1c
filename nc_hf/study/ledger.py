"""What is done: one file a finished cell, so that a study that was stopped goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nc_hf.errors import StudyError
from nc_hf.files import write_text
from nc_hf.study.grid import Cell, Study


class Ledger:
    """The finished cells of one study, under ``folder``.

    A cell's rows are written in one atomic step when all of its checkpoints are measured, so a cell is either done or
    not there. The study's settings lie beside them, and a folder made with other settings is refused.

    Raises:
        StudyError: the folder holds another study.
    """

    def __init__(self, folder: str | Path, study: Study) -> None:
        """Open or begin a ledger."""
        self.folder = Path(folder)
        self._study = study
        settings = json.loads(json.dumps(study.to_dict()))
        path = self.folder / "study.json"
        if path.exists():
            found = _read(path)
            other = sorted(
                name for name in settings if not isinstance(found, dict) or found.get(name) != settings[name]
            )
            if other:
                raise StudyError(f"{self.folder} holds a study with other {', '.join(other)}: give another --output.")
        else:
            write_text(path, json.dumps(settings, indent=2) + "\n")

    def cell_folder(self, cell: Cell) -> Path:
        """Where a cell keeps its checkpoints."""
        return self.folder / "checkpoints" / cell.name

    def is_done(self, cell: Cell) -> bool:
        """Whether a cell is finished."""
        return self._path(cell).exists()

    def record(self, cell: Cell, rows: Sequence[dict[str, Any]]) -> None:
        """Enter a finished cell: a row a saved checkpoint."""
        write_text(self._path(cell), json.dumps(list(rows), indent=1) + "\n")

    def rows(self) -> list[dict[str, Any]]:
        """Return the rows of every finished cell, in the order of the grid.

        Raises:
            StudyError: an entry was edited or cut short.
        """
        rows: list[dict[str, Any]] = []
        for cell in self._study.cells:
            if self.is_done(cell):
                entry = _read(self._path(cell))
                if not isinstance(entry, list) or not all(isinstance(row, dict) for row in entry):
                    raise StudyError(
                        f"{self._path(cell)} is not an entry of the ledger: remove it to run the cell again."
                    )
                rows += entry
        return rows

    def _path(self, cell: Cell) -> Path:
        return self.folder / "cells" / f"{cell.name}.json"


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise StudyError(f"{path} was edited or cut short: remove it to run its part again.") from None
