"""Analyses run one at a time, in the order of their requests; a job under way can be cancelled by its id."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from nc_hf.errors import CancelledError, InputError

CANCELLED = "The analysis was cancelled: start it again when you like."
_JOB_ID = re.compile(r"[\w-]{16,64}", re.ASCII)


@dataclass(frozen=True)
class Waiting:
    """A request is in the queue.

    Attributes:
        ahead: so many others are before it.
        seconds: that these may take, by the last analyses; None before the first.
    """

    ahead: int
    seconds: float | None = None


class Queue:
    """A first-in, first-out queue of bounded length, whose first entry is the one that runs."""

    def __init__(self, max_waiting: int) -> None:
        """Begin with an empty queue."""
        self._max_waiting = max_waiting
        self._entries: list[object] = []
        self._lock = threading.Lock()

    def join(self) -> object:
        """Add an entry at the end and return it.

        Raises:
            InputError: the queue is full.
        """
        entry = object()
        with self._lock:
            if len(self._entries) > self._max_waiting:
                raise InputError(f"{self._max_waiting} analyses are waiting already: try again in a few minutes.")
            self._entries.append(entry)
        return entry

    def ahead(self, entry: object) -> int:
        """Return how many entries are before this one; 0 when it may run."""
        with self._lock:
            return self._entries.index(entry)

    def leave(self, entry: object) -> None:
        """Remove an entry; harmless when it was removed before."""
        with self._lock:
            if entry in self._entries:
                self._entries.remove(entry)


class Job:
    """Work under way that another thread may cancel.

    >>> job = Job()
    >>> job.check()
    >>> job.cancel()
    >>> job.check()
    Traceback (most recent call last):
    nc_hf.errors.CancelledError: The analysis was cancelled: start it again when you like.
    """

    def __init__(self) -> None:
        """Begin with a job that goes on."""
        self._cancelled = threading.Event()

    def cancel(self) -> None:
        """End the job at its next step."""
        self._cancelled.set()

    def check(self) -> None:
        """End the job if it was cancelled.

        Raises:
            CancelledError: it was.
        """
        if self._cancelled.is_set():
            raise CancelledError(CANCELLED)


class Jobs:
    """The jobs under way, by the ids that their visitors chose."""

    def __init__(self) -> None:
        """Begin with none."""
        self._running: dict[str, Job] = {}

    @contextmanager
    def running(self, job_id: str) -> Iterator[Job]:
        """Keep a job under its id while the block runs; one without an id cannot be cancelled from outside.

        Raises:
            InputError: the id is too easy to guess, or in use.
        """
        if job_id and not _JOB_ID.fullmatch(job_id):
            raise InputError("The id of a job has 16 to 64 letters, digits, - and _: choose a long random one.")
        job = Job()
        if job_id and self._running.setdefault(job_id, job) is not job:
            raise InputError("This id of a job is in use: choose another one.")
        try:
            yield job
        finally:
            if job_id:
                del self._running[job_id]

    def cancel(self, job_id: str) -> bool:
        """Cancel a job; False if none has this id."""
        job = self._running.get(job_id)
        if job is not None:
            job.cancel()
        return job is not None
