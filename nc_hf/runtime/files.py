"""Files that are whole or not there: atomic writes, text and JSON."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from nc_hf.errors import FileError
from nc_hf.runtime.strict_json import UnfitJSONError, parse_json


def write_atomically(path: str | Path, write: Callable[[Path], None]) -> None:
    """Let ``write`` fill a temporary file beside ``path`` and move it there only when it is complete.

    Raises:
        FileError: the folder or the disk does not take it; what was at ``path`` is still there.
    """
    target = Path(path)
    try:
        _write_beside(target, write)
    except OSError as error:
        raise FileError(f"{target} cannot be written ({error}): check the folder and the room on the disk.") from error


def write_text(path: str | Path, text: str) -> None:
    """Write a text file atomically, in UTF-8."""
    write_atomically(path, lambda temporary: _write_text(temporary, text))


def make_folder(path: str | Path) -> None:
    """Make a folder, if it is not there.

    Raises:
        FileError: a file is in its place, or the disk does not take it.
    """
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"{path} is no folder and cannot be made one ({error.strerror}): name another.") from error


def read_json(path: str | Path) -> object:
    """Read a JSON file.

    Raises:
        FileError: the file is missing, cannot be read, or is not whole.
    """
    try:
        document: object = parse_json(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FileError(f"{path} does not exist: check the path.") from None
    except OSError as error:
        raise FileError(f"{path} cannot be read ({error.strerror}): check the path and its permissions.") from None
    except UnfitJSONError as fault:
        raise FileError(f"{path} is damaged ({fault}): write it again.") from None
    except ValueError:
        raise FileError(f"{path} is truncated or not JSON: write it again.") from None
    return document


def _write_beside(target: Path, write: Callable[[Path], None]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=target.suffix)
    os.close(handle)
    try:
        write(Path(name))
        os.chmod(name, 0o644)
        os.replace(name, target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
