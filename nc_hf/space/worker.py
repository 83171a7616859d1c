"""One measurement in a thread of its own, that can be watched and called off; on ZeroGPU its last part is on a GPU."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from contextvars import copy_context
from functools import partial
from typing import Any

import gradio as gr

from nc_hf.errors import CancelledError, HubError, NCError
from nc_hf.hub import download, resolve
from nc_hf.measurement.measure import measure
from nc_hf.report import Report
from nc_hf.runtime.progress import Meter, Progress
from nc_hf.space.disk import tidied
from nc_hf.space.faults import UnforeseenError, told
from nc_hf.space.request import Question
from nc_hf.space.tickets import CANCELLED, Held

try:
    from spaces import GPU  # on ZeroGPU; a folder of that name here has no such thing in it
except ImportError:
    GPU = None

PAUSE = 0.25
"""Seconds between two looks at the work."""

GPU_SECONDS = int(os.environ.get("NC_HF_SPACE_GPU_SECONDS", "120"))
_AT_WORK = threading.Lock()  # also for work that was called off and has not ended yet: one model in memory at a time


class Work:
    """A job under way.

    Args:
        job: called with this object; it hands its progress to `listen` and returns the report.
    """

    def __init__(self, job: Callable[[Work], Report]) -> None:
        """Start it."""
        self._job = job
        self._held = Held()
        self._latest: Progress | None = None
        self._report: Report | None = None
        self._fault: NCError | UnforeseenError | None = None
        context = copy_context()  # ZeroGPU reads in it whose request this is
        self._thread = threading.Thread(target=context.run, args=(self._run,), daemon=True, name="measurement")
        self._thread.start()

    def steps(self) -> Iterator[Progress | Report]:
        """Yield how far it is, a few times a second, and at the end the report.

        Raises:
            NCError: what the job raised.
            UnforeseenError: the job raised something else.
        """
        shown: Progress | None = None
        while self._thread.is_alive():
            self._thread.join(PAUSE)
            latest = self._latest
            if latest is not None and latest is not shown:
                shown = latest
                yield latest
        if self._report is None:
            raise self._fault or CancelledError(CANCELLED)
        yield self._report

    def stop(self) -> None:
        """Call it off; it ends at its next step."""
        self._held.call_off()

    def check(self) -> None:
        """End the job if it was called off.

        Raises:
            CancelledError: it was.
        """
        self._held.check()

    def listen(self, progress: Progress) -> None:
        """Take note of how far the job is, and end it if it was called off."""
        self.check()
        self._latest = progress

    def _run(self) -> None:
        try:
            self._report = self._job(self)
        except BaseException as fault:  # told to whoever watches
            self._fault = told(fault)


def measure_in_steps(
    question: Question, token: str | bool, max_bytes: int, cache_bytes: int
) -> Iterator[Progress | Report]:
    """Measure, yielding how far it is and at the end the report; closing the generator calls the work off.

    Raises:
        NCError: with what to do.
        UnforeseenError: anything else.
    """
    work = Work(partial(_analyse, question, token, max_bytes, cache_bytes))
    try:
        yield from work.steps()
    finally:
        work.stop()


def _analyse(question: Question, token: str | bool, max_bytes: int, cache_bytes: int, work: Work) -> Report:
    """Wait until no other analysis is at work, and measure; what a failed one fetched is removed."""
    while not _AT_WORK.acquire(timeout=PAUSE):
        work.check()
    try:
        with tidied(question.repositories, cache_bytes):
            if GPU is None:
                return _measure(question, token, max_bytes, work)
            _fetch(question, token, max_bytes, work)
            return _measure_on_gpu(question, token, max_bytes, work)
    finally:
        _AT_WORK.release()


def _measure(question: Question, token: str | bool, max_bytes: int, work: Work) -> Report:
    work.check()
    return measure(
        question.model,
        question.open(token) if question.text else question.corpus,
        revision=question.revision,
        preset=question.preset,
        max_tokens=question.max_tokens,
        allow_local=False,
        max_bytes=max_bytes,
        token=token,
        progress=work.listen,
    )


def _fetch(question: Question, token: str | bool, max_bytes: int, work: Work) -> None:
    """Look the model up and fetch it into the cache, while no GPU is held for it."""
    Meter(work.listen, "resolving")
    source = resolve(question.model, question.revision, max_bytes=max_bytes, token=token)
    download(source, token=token, progress=Meter(work.listen, "downloading", source.size_bytes).advance)


def _measure_on_gpu(question: Question, token: str | bool, max_bytes: int, work: Work) -> Report:
    """Measure where a GPU is, handing on how far it is.

    Raises:
        HubError: ZeroGPU gives no GPU, or takes it back.
    """
    report = None
    try:
        with closing(steps_on_gpu(question, token, max_bytes)) as steps:
            for step in steps:
                if isinstance(step, Exception):
                    raise step
                if isinstance(step, Progress):
                    work.listen(step)
                else:
                    report = step
    except gr.Error as fault:  # its message may be HTML
        why = " ".join(re.sub(r"<[^>]*>", " ", str(fault.message)).split()).rstrip(".")
        raise HubError(
            f"The Hub gave no GPU, or took it back ({why}): ask for fewer tokens, or try again later."
        ) from fault
    if report is None:
        raise CancelledError(CANCELLED)
    return report


def steps_on_gpu(
    question: Question, token: str | bool, max_bytes: int
) -> Generator[Progress | Report | NCError | UnforeseenError]:
    """Measure as `measure_in_steps` does, but yield a fault instead of raising it.

    ZeroGPU runs this in another process, pickles what it yields, and of an error keeps the name of its kind alone.
    """
    work = Work(partial(_measure, question, token, max_bytes))
    try:
        yield from work.steps()
    except (NCError, UnforeseenError) as fault:
        yield fault
    finally:
        work.stop()


if GPU is not None:
    decorate: Callable[..., Any] = GPU(duration=GPU_SECONDS)
    steps_on_gpu = decorate(steps_on_gpu)
