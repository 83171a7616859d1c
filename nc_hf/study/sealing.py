"""The seal of a study's table: beside ``results.csv`` a small file with its number of rows and its SHA-256."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from pathlib import Path

from nc_hf.errors import FileError
from nc_hf.runtime.files import read_json, write_text
from nc_hf.runtime.seal import BrokenSealError, opened, sealed


def seal_path(table: Path) -> Path:
    """Return where the seal of a table is: ``results.seal.json`` of ``results.csv``."""
    return table.with_suffix(".seal.json")


def write_sealed(table: Path, text: str) -> None:
    """Write a table and its seal; a process that is killed in between leaves a table that its seal knows."""
    now = {"rows": _rows(text), "sha256": _digest(text.encode())}
    before = {"before": _digest(table.read_bytes())} if table.exists() else {}
    _write(seal_path(table), now | before)
    write_text(table, text)
    _write(seal_path(table), now)


def edited(table: Path) -> str | None:
    """Say in a sentence that a table is not as its study wrote it; None where it is, or nobody sealed it."""
    path = seal_path(table)
    if not path.exists():
        return None
    way_out = f"start the study again to write it anew, or remove {path.name} to use it as it is"
    try:
        said = read_json(path)
        seal = opened(said) if isinstance(said, dict) else {}
        data = table.read_bytes()
    except (FileError, BrokenSealError, OSError):
        return f"{path} is damaged, so nobody can tell if {table.name} was edited: {way_out}."
    if _digest(data) in (seal.get("sha256"), seal.get("before")):
        return None
    found = _rows(data.decode("utf-8", "replace"))
    return f"{table} was edited since the study wrote it ({seal.get('rows')} rows then, {found} now): {way_out}."


def _write(path: Path, seal: dict[str, object]) -> None:
    write_text(path, json.dumps(sealed(seal), indent=1) + "\n")


def _rows(text: str) -> int:
    """Count the rows below the header."""
    try:
        return max(0, sum(1 for _ in csv.reader(io.StringIO(text))) - 1)
    except csv.Error:  # a field beyond all bounds, in a file that is none of ours
        return 0


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
