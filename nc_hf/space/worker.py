"""An analysis in a thread of its own, that can be watched and cancelled; on ZeroGPU its last part runs on a GPU."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from contextvars import copy_context
from dataclasses import replace
from functools import partial
from typing import Any

import gradio as gr

from nc_hf.errors import CancelledError, HubError, NCError
from nc_hf.hub import download, resolve
from nc_hf.measurement.measure import measure
from nc_hf.measurement.options import MeasureOptions
from nc_hf.report import Report
from nc_hf.runtime.cage import watched
from nc_hf.runtime.progress import Meter, Progress
from nc_hf.space.cache import bounded_cache
from nc_hf.space.faults import UnforeseenError, told
from nc_hf.space.queue import CANCELLED, Job
from nc_hf.space.request import Request

try:
    from spaces import GPU  # on ZeroGPU; a folder of that name here has no such thing in it
except ImportError:
    GPU = None

POLL_SECONDS = 0.25
"""Between two looks at an analysis, or at the queue."""
_SILENT_SECONDS = 1.0
"""After which an analysis that says nothing new is told once more, so that a visitor sees that it goes on."""

GPU_SECONDS = int(os.environ.get("NC_HF_SPACE_GPU_SECONDS", "120"))
_ONE_AT_A_TIME = threading.Lock()  # holds back while a cancelled analysis has not ended: one model in memory


class Analysis:
    """A measurement under way.

    Args:
        task: called with this object; it hands its progress to `listen` and returns the report.
    """

    def __init__(self, task: Callable[[Analysis], Report]) -> None:
        """Start it."""
        self._task = task
        self._job = Job()
        self._latest: Progress | None = None
        self._report: Report | None = None
        self._fault: NCError | UnforeseenError | None = None
        context = copy_context()  # ZeroGPU reads in it whose request this is
        self._thread = threading.Thread(target=context.run, args=(self._run,), daemon=True, name="measurement")
        self._thread.start()

    def steps(self) -> Iterator[Progress | Report]:
        """Yield how far it is, at least once a second, and at the end the report.

        Raises:
            NCError: what the task raised.
            UnforeseenError: the task raised something else.
        """
        shown: Progress | None = None
        came = told_at = time.monotonic()
        while self._thread.is_alive():
            self._thread.join(POLL_SECONDS)
            latest, now = self._latest, time.monotonic()
            if latest is not None and latest is not shown:
                shown, came, told_at = latest, now, now
                yield latest
            elif shown is not None and now - told_at >= _SILENT_SECONDS:
                told_at = now
                yield replace(shown, seconds=shown.seconds + now - came)
        if self._report is None:
            raise self._fault or CancelledError(CANCELLED)
        yield self._report

    def cancel(self) -> None:
        """End it at its next step."""
        self._job.cancel()

    def check(self) -> None:
        """End the task if the analysis was cancelled.

        Raises:
            CancelledError: it was.
        """
        self._job.check()

    def listen(self, progress: Progress) -> None:
        """Take note of how far the task is, and end it if the analysis was cancelled."""
        self.check()
        self._latest = progress

    def _run(self) -> None:
        try:
            self._report = self._task(self)
        except BaseException as fault:  # told to whoever watches
            self._fault = told(fault)


def measure_in_steps(
    request: Request, token: str | bool, max_bytes: int, cache_bytes: int, *, base: str | None = None
) -> Iterator[Progress | Report]:
    """Measure, yielding how far it is and at the end the report; closing the generator cancels it.

    Args:
        request: what to measure.
        token: the visitor's own; False for a visitor who has not logged in.
        max_bytes: refuse weights larger than this.
        cache_bytes: what may stay in the cache of all that was fetched.
        base: id of the model that is fetched for an adapter.

    Raises:
        NCError: with what to do.
        UnforeseenError: anything else.
    """
    fetched = [*request.repositories, *([("model", base)] if base else [])]
    analysis = Analysis(partial(_run_alone, request, token, max_bytes, cache_bytes, fetched))
    try:
        yield from analysis.steps()
    finally:
        analysis.cancel()


def _run_alone(
    request: Request,
    token: str | bool,
    max_bytes: int,
    cache_bytes: int,
    fetched: Iterable[tuple[str, str]],
    analysis: Analysis,
) -> Report:
    """Wait until no other analysis runs, and measure; what a failed one fetched is removed."""
    while not _ONE_AT_A_TIME.acquire(timeout=POLL_SECONDS):
        analysis.check()
    try:
        with bounded_cache(fetched, cache_bytes):
            if GPU is None:
                return _measure(request, token, max_bytes, analysis)
            _fetch(request, token, max_bytes, analysis)
            return _measure_on_gpu(request, token, max_bytes, analysis)
    finally:
        _ONE_AT_A_TIME.release()


def _measure(request: Request, token: str | bool, max_bytes: int, analysis: Analysis) -> Report:
    analysis.check()
    options: MeasureOptions = {
        **request.options,
        "max_bytes": max_bytes,
        "token": token,
        "progress": analysis.listen,
    }
    text = request.open(token) if request.text else request.corpus
    with watched(analysis.check):  # what is read in the cage, which says nothing of how far it is, is called off too
        return measure(request.model, text, revision=request.revision, **options)


def _fetch(request: Request, token: str | bool, max_bytes: int, analysis: Analysis) -> None:
    """Look the model up and fetch it into the cache, while no GPU is held for it."""
    Meter(analysis.listen, "resolving")
    with watched(analysis.check):
        source = resolve(request.model, request.revision, max_bytes=max_bytes, token=token)
    download(source, token=token, progress=Meter(analysis.listen, "downloading", source.size_bytes).advance)


def _measure_on_gpu(request: Request, token: str | bool, max_bytes: int, analysis: Analysis) -> Report:
    """Measure where a GPU is, handing on how far it is.

    Raises:
        HubError: ZeroGPU gives no GPU, or takes it back.
    """
    report = None
    try:
        with closing(steps_on_gpu(request, token, max_bytes)) as steps:
            for step in steps:
                if isinstance(step, Exception):
                    raise step
                if isinstance(step, Progress):
                    analysis.listen(step)
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
    request: Request, token: str | bool, max_bytes: int
) -> Generator[Progress | Report | NCError | UnforeseenError]:
    """Measure as `measure_in_steps` does, but yield a fault instead of raising it.

    ZeroGPU runs this in another process, pickles what it yields, and of an error keeps the name of its kind alone.
    """
    analysis = Analysis(partial(_measure, request, token, max_bytes))
    try:
        yield from analysis.steps()
    except (NCError, UnforeseenError) as fault:
        yield fault
    finally:
        analysis.cancel()


if GPU is not None:
    decorate: Callable[..., Any] = GPU(duration=GPU_SECONDS)
    steps_on_gpu = decorate(steps_on_gpu)
