"""Tensors between processes: every rank's dictionary of tensors, on every rank, in rank order."""

from __future__ import annotations

import os
import sys
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Protocol

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed import distributed_c10d

from nc_hf.errors import InputError, NCError, ProcessError
from nc_hf.runtime.attendance import SILENCE, VARIABLE, Attendance

_attendances: weakref.WeakKeyDictionary[Any, Attendance] = weakref.WeakKeyDictionary()


class Process(Protocol):
    """What ``reduce`` asks of an ``accelerate.Accelerator`` or ``PartialState``."""

    num_processes: int
    device: torch.device


def attend(process: Process, ends: Callable[[str], None] | None = None) -> None:
    """Let the other ranks hear from now on that this one lives; each does so early, since nobody waits long for a dead.

    Args:
        process: of this rank.
        ends: called, in a thread, with a sentence that names a rank which was lost while this one may be in a
            collective that never ends: a command ends itself by it.
    """
    if process.num_processes > 1:
        _attendance(process).ends = ends or _attendance(process).ends


def ending(command: str) -> Callable[[str], None]:
    """Return what ends this process, wherever it is held up, with a sentence in the name of a command."""

    def end(sentence: str) -> None:
        print(f"{command}: {sentence}", file=sys.stderr, flush=True)
        os._exit(ProcessError.exit_code)

    return end


def take_leave(process: Process) -> None:
    """Wait for all ranks for the last time; from now on any may end."""
    if process.num_processes > 1:
        _attendance(process).ends = None
        wait_for_all(process)
        _attendance(process).leave()


def wait_for_all(process: Process) -> None:
    """Wait until every rank has come here.

    Raises:
        ProcessError: one of them is lost; on every rank.
    """
    if process.num_processes > 1:
        with _all_there(process):
            dist.barrier()


def exchange_tensors(tensors: Mapping[str, Tensor], process: Process) -> Iterator[dict[str, Tensor]]:
    """Yield the tensors of rank 0, 1, ... in turn, the same on every rank, one rank's worth of memory at a time.

    Args:
        tensors: this rank's; names, shapes and dtypes may differ from rank to rank.
        process: the accelerator; its device must be one that the process group can send from.

    Raises:
        ProcessError: a rank is lost.
    """
    headers: list[list[tuple[str, tuple[int, ...], torch.dtype]]] = [[] for _ in range(process.num_processes)]
    with _all_there(process):
        dist.all_gather_object(headers, [(name, tuple(t.shape), t.dtype) for name, t in tensors.items()])
    for rank, header in enumerate(headers):
        received = {}
        for name, shape, dtype in header:
            if rank == dist.get_rank():
                buffer = tensors[name].detach().to(process.device).contiguous()
            else:
                buffer = torch.empty(shape, dtype=dtype, device=process.device)
            if buffer.numel():
                with explained(process):
                    dist.broadcast(buffer, src=rank)
            received[name] = buffer
        yield received


@contextmanager
def failing_together(process: Process) -> Iterator[None]:
    """Run what one rank may fail at, and have every rank know before any waits for another.

    Raises:
        Exception: on a rank that failed, its own; on the others an error of the same kind that names the rank. All of
            them have to come here.
        ProcessError: a rank is lost.
    """
    trouble: Exception | None = None
    try:
        yield
    except ProcessError:
        raise  # every rank was told, and not all of them can be told anything more
    except Exception as raised:
        trouble = raised
    if process.num_processes > 1:
        said: list[tuple[type[NCError], str] | None] = [None] * process.num_processes
        kind = type(trouble) if isinstance(trouble, NCError) else NCError
        with _all_there(process):
            dist.all_gather_object(said, None if trouble is None else (kind, str(trouble)))
        failed = next((rank for rank, entry in enumerate(said) if entry is not None), None)
        if trouble is None and failed is not None and (entry := said[failed]) is not None:
            raise entry[0](f"Process {failed} of {process.num_processes}: {entry[1]}")
    if trouble is not None:
        raise trouble


def sum_over_processes(values: list[float], process: Process) -> list[float]:
    """Add up plain numbers (float64) over all ranks; every rank gets the sums."""
    if process.num_processes == 1:
        return values
    total = torch.zeros(len(values), dtype=torch.float64)
    for part in exchange_tensors({"values": torch.tensor(values, dtype=torch.float64)}, process):
        total += part["values"].cpu()
    return [float(value) for value in total]


@contextmanager
def explained(process: Process) -> Iterator[None]:
    """Say who was lost, where a collective fails because a rank is lost in the middle of it.

    Raises:
        ProcessError: in the place of whatever torch says.
    """
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except RuntimeError:
        if process.num_processes > 1:
            _attendance(process).explain()
        raise


@contextmanager
def _all_there(process: Process) -> Iterator[None]:
    """Begin a collective when every rank is there."""
    if process.num_processes > 1:
        _attendance(process).meet()
    with explained(process):
        yield


def _attendance(process: Process) -> Attendance:
    """Return what knows who is there of the process group."""
    group: Any = dist.group.WORLD
    if group not in _attendances:
        _attendances[group] = attendance = Attendance(
            distributed_c10d._get_default_store(),
            dist.get_rank(),
            dist.get_world_size(),
            silence=_silence(),
            patience=_timeout_of(group, process.device).total_seconds(),
        )
        weakref.finalize(group, attendance.leave)
    return _attendances[group]


def _timeout_of(group: Any, device: torch.device) -> timedelta:
    """Return how long a collective may take; the default of torch where a backend does not tell."""
    options = getattr(group._get_backend(device), "options", None)
    return dist.default_pg_timeout if options is None else options._timeout


def _silence() -> float:
    """Return after how many seconds without a heartbeat a rank is lost.

    Raises:
        InputError: the variable for it is no positive number.
    """
    said = os.environ.get(VARIABLE, str(SILENCE))
    try:
        seconds = float(said)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise InputError(f"{VARIABLE} is {said!r}: set it to a number of seconds, or unset it.")
    return seconds
