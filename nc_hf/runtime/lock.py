"""A folder in use: one run works in it, and another one that comes is told so at once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from accelerate.state import PartialState
from filelock import FileLock, Timeout

from nc_hf.errors import FileError
from nc_hf.runtime.distributed import failing_together
from nc_hf.runtime.files import make_folder

LOCK = ".nc_hf.lock"
"""Name of the file that is held. The system gives it back however a process ends, so one that is left there says
nothing; a run that ends by itself removes it."""


@contextmanager
def in_use(folder: str | Path | None, process: PartialState) -> Iterator[None]:
    """Hold a folder; every rank comes here, and the main process holds it for all of them.

    Args:
        folder: made if it is not there; None holds nothing.
        process: of this run.

    Raises:
        FileError: another run works in it, or it cannot be written.
    """
    if folder is None:
        yield
        return
    lock, made = FileLock(Path(folder) / LOCK), not os.path.exists(folder)
    with failing_together(process):
        if process.is_main_process:
            make_folder(folder)
            _acquire(lock, Path(folder))
    try:
        yield
    finally:
        if lock.is_locked:
            # Before it is given back: filelock, from 3.21 on, leaves a file that is gone by the time it has it.
            with suppress(OSError):  # gone with its folder
                (Path(folder) / LOCK).unlink()
            lock.release()
            with suppress(OSError):  # something was left in it, to go on from
                if made:
                    Path(folder).rmdir()


def _acquire(lock: FileLock, folder: Path) -> None:
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise FileError(
            f"{folder} is in use by another run: wait until that has ended, or name another folder."
        ) from None
    except NotImplementedError:  # of older versions of filelock, on a file system without locks
        return
    except OSError as error:
        raise FileError(f"{folder} cannot be written ({error.strerror}): name another folder.") from error
