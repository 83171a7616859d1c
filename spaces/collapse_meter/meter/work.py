"""One measurement in a thread of its own, that can be watched and called off."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from typing import Any

from nc_hf.errors import CancelledError
from nc_hf.measuring import measure
from nc_hf.progress import Progress
from nc_hf.report import Report

from .disk import tidied
from .question import Question

try:
    from spaces import GPU  # on ZeroGPU; a folder of that name here has no such thing in it
except ImportError:
    GPU = None

PAUSE = 0.25
"""Seconds between two looks at the work."""

GPU_SECONDS = int(os.environ.get("NC_HF_SPACE_GPU_SECONDS", "120"))
_AT_WORK = threading.Lock()  # also for work that was called off and has not ended yet: one model in memory at a time


class Work:
    """A measurement under way."""

    def __init__(self, question: Question, token: str | bool, max_bytes: int, cache_bytes: int) -> None:
        """Start it."""
        self._question, self._token = question, token
        self._max_bytes, self._cache_bytes = max_bytes, cache_bytes
        self._stop = threading.Event()
        self._latest: Progress | None = None
        self._report: Report | None = None
        self._fault: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True, name="measurement")
        self._thread.start()

    def steps(self) -> Iterator[Progress | Report]:
        """Yield how far it is, a few times a second, and at the end the report.

        Raises:
            NCError: what the measurement raised.
        """
        shown: Progress | None = None
        while self._thread.is_alive():
            self._thread.join(PAUSE)
            latest = self._latest
            if latest is not None and latest is not shown:
                shown = latest
                yield latest
        if self._report is None:
            raise self._fault or CancelledError("The analysis was cancelled: start it again when you like.")
        yield self._report

    def stop(self) -> None:
        """Call it off; it ends at its next step."""
        self._stop.set()

    def _run(self) -> None:
        try:
            while not _AT_WORK.acquire(timeout=PAUSE):
                self._check()
            try:
                with tidied(self._cache_bytes):
                    self._report = self._measure()
            finally:
                _AT_WORK.release()
        except BaseException as fault:  # told to whoever watches
            self._fault = fault

    def _measure(self) -> Report:
        question = self._question
        self._check()
        return measure(
            question.model,
            question.open(self._token) if question.text else question.corpus,
            revision=question.revision,
            preset=question.preset,
            max_tokens=question.max_tokens,
            allow_local=False,
            max_bytes=self._max_bytes,
            token=self._token,
            progress=self._listen,
        )

    def _listen(self, progress: Progress) -> None:
        self._check()
        self._latest = progress

    def _check(self) -> None:
        if self._stop.is_set():
            raise CancelledError("The analysis was cancelled: start it again when you like.")


def measure_in_steps(
    question: Question, token: str | bool, max_bytes: int, cache_bytes: int
) -> Iterator[Progress | Report]:
    """Measure, yielding how far it is and at the end the report; closing the generator calls the work off."""
    work = Work(question, token, max_bytes, cache_bytes)
    try:
        yield from work.steps()
    finally:
        work.stop()


if GPU is not None:
    decorate: Callable[..., Any] = GPU(duration=GPU_SECONDS)
    measure_in_steps = decorate(measure_in_steps)
