"""Requests and their results: out of the store, or by an analysis when it is first in the queue."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from nc_hf.errors import FileError, InputError, NCError
from nc_hf.report import Report
from nc_hf.report.verdict import Verdict, verdict
from nc_hf.runtime.progress import Progress
from nc_hf.space.pace import Pace
from nc_hf.space.queue import Queue, Waiting
from nc_hf.space.request import Request, parse_request
from nc_hf.space.settings import MAX_COMPARED, Settings, check_texts
from nc_hf.space.store import Identity, Store, StoredResult, identify
from nc_hf.space.worker import POLL_SECONDS, measure_in_steps

_LOG = logging.getLogger("nc_hf.space")


@dataclass(frozen=True)
class Result:
    """A report and how to read it.

    Attributes:
        key: under which it is kept for others; empty where it is not.
        request: what was asked.
        report: what was measured.
        verdict: in words.
        kept: whether it was measured before, and not for this request.
    """

    key: str
    request: Request
    report: Report
    verdict: Verdict
    kept: bool

    def to_dict(self) -> dict[str, Any]:
        """Return the whole as JSON."""
        return {
            "key": self.key,
            "kept": self.kept,
            "verdict": self.verdict.to_dict(),
            "report": self.report.to_dict(),
        }

    def summary(self) -> dict[str, Any]:
        """Return what it comes to, as JSON of some 2 kB: the verdict, and every metric with its standard error."""
        report = self.report
        return {
            "key": self.key,
            "kept": self.kept,
            "model": report.name,
            "commit": report.model.commit,
            "corpus": report.corpus.source,
            "tokens": report.tokens,
            "classes": report.classes.used,
            "loss": _finite(report.loss),
            "verdict": self.verdict.to_dict(),
            "metrics": {
                name: {"value": _finite(metric.value), "stderr": _finite(metric.stderr)}
                for name, metric in report.metrics.items()
            },
        }


class Service:
    """Runs the analyses of requests one after another; results that are kept are given at once.

    Attributes:
        settings: of the owner.
        store: the results that are kept.
        pace: what analyses took, those that are kept among them.
        request: checks what a visitor wrote, as `parse_request` does, within the owner's budget.
    """

    def __init__(self, settings: Settings) -> None:
        """Open the store."""
        self.settings = settings
        self.store = Store(settings.folder, settings.dataset)
        self.pace = Pace()
        for kept in reversed(self.store.all()):
            report, layers = kept.report, kept.request.layers
            self.pace.note(report.model.parameters, report.tokens, report.seconds, layers)
        self.request = partial(parse_request, limit=settings.max_tokens)
        self._queue = Queue(settings.max_waiting)

    def find(self, request: Request, token: str | bool) -> Result | None:
        """Return the result that is kept, if there is one.

        Raises:
            HubError: the visitor may not read the model or the data set, or the Hub is out of reach.
        """
        kept = self.store.find(identify(request, token).key)
        return None if kept is None else self.read(kept, request)

    def read(self, kept: StoredResult, request: Request) -> Result:
        """Return what is kept as the result of a request, which may name the same commit by another revision."""
        asked = replace(kept, request=request, report=_as_asked(kept.report, request))
        return self._result(asked, kept=True)

    def run(self, request: Request, token: str | bool) -> Iterator[Waiting | Progress | Result]:
        """Yield how far it is, and at the end the result; closing the iterator cancels the analysis.

        Args:
            request: what to measure.
            token: the visitor's own; False for a visitor who has not logged in. Never the machine's.

        Raises:
            NCError: with what to do.
        """
        identity = identify(request, token)
        if kept := self.store.find(identity.key):
            yield self.read(kept, request)
            return
        entry = self._queue.join()
        try:
            while ahead := self._queue.ahead(entry):
                typical = self.pace.typical
                yield Waiting(ahead, None if typical is None else typical * ahead)
                time.sleep(POLL_SECONDS)
            if kept := self.store.find(identity.key):  # someone before us asked the same
                yield self.read(kept, request)
                return
            pinned = replace(request, revision=identity.commit)  # its branch may have moved while it waited
            limits = (self.settings.max_bytes, self.settings.cache_bytes)
            began = time.monotonic()
            for step in measure_in_steps(pinned, token, *limits, base=identity.base):
                if isinstance(step, Progress):
                    yield step
                else:
                    seconds = time.monotonic() - began
                    self.pace.note(step.model.parameters, step.tokens, seconds, request.layers)
                    yield self._measured(identity, request, _as_asked(step, request), _unmoved(identity, pinned, token))
        finally:
            self._queue.leave(entry)

    def requests(
        self,
        models: list[str],
        corpus: str,
        text: str,
        max_tokens: object,
        preset: str,
        tokenizer: str = "",
    ) -> list[Request]:
        """Check a comparison: two to six different models or revisions on one text.

        Raises:
            InputError: there are fewer or more, or one cannot be meant, or is no text.
            CorpusError: the text cannot be meant.
        """
        if not isinstance(models, list):
            raise InputError(f"What was passed as models is no list: pass 2 to {MAX_COMPARED} ids in one.")
        check_texts(**{f"models[{index}]": model for index, model in enumerate(models)})
        named = [model for model in models if model.strip()]
        requests = list(
            dict.fromkeys(self.request(model, "", corpus, text, max_tokens, preset, tokenizer) for model in named)
        )
        if not 2 <= len(requests) <= MAX_COMPARED:
            raise InputError(
                f"A comparison takes 2 to {MAX_COMPARED} different models or revisions, not {len(requests)}: "
                "write one a line."
            )
        return requests

    def _measured(self, identity: Identity, request: Request, report: Report, unmoved: bool) -> Result:
        measured = StoredResult(identity.key, request, report, identity.text_commit if unmoved else None)
        if not (identity.public and unmoved):
            return self._result(replace(measured, key=""), kept=False)
        try:
            self.store.keep(measured)
        except FileError as fault:
            _LOG.error("A result was not kept: %s", fault)
            measured = replace(measured, key="")
        return self._result(measured, kept=False)

    def _result(self, found: StoredResult, *, kept: bool) -> Result:
        return Result(found.key, found.request, found.report, verdict(found.report), kept)


def _finite(value: float | None) -> float | None:
    """Return a number as JSON has it, which knows neither NaN nor infinities."""
    return value if value is not None and math.isfinite(value) else None


def _as_asked(report: Report, request: Request) -> Report:
    """Return a report of the commit under the revision that was asked for."""
    return replace(report, model=replace(report.model, revision=request.revision))


def _unmoved(identity: Identity, pinned: Request, token: str | bool) -> bool:
    """Whether the data set still is what the key says; it is read by name, so it may have moved before it was read."""
    try:
        return identify(pinned, token) == identity
    except NCError:
        return False
