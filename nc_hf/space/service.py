"""Where questions are answered: from what is kept, or by measuring when it is their turn."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from nc_hf.errors import FileError, InputError, NCError
from nc_hf.report import Comparison, Report, compare
from nc_hf.report.verdict import Verdict, verdict
from nc_hf.runtime.progress import Progress
from nc_hf.space.limits import MAX_COMPARED, check_texts
from nc_hf.space.places import Place, places
from nc_hf.space.queue import Turns, Waiting
from nc_hf.space.request import Question, ask
from nc_hf.space.settings import Settings
from nc_hf.space.store import Identity, Kept, Store, identify
from nc_hf.space.worker import PAUSE, measure_in_steps

_LOG = logging.getLogger("nc_hf.space")


@dataclass(frozen=True)
class Answer:
    """A report and how to read it.

    Attributes:
        key: under which it is kept for others; empty where it is not.
        question: what was asked.
        report: what was measured.
        verdict: in words.
        places: among reference models, by metric.
        kept: whether it was measured before, and not for this question.
    """

    key: str
    question: Question
    report: Report
    verdict: Verdict
    places: dict[str, Place]
    kept: bool


class Desk:
    """Answers questions one after another; kept answers are given at once."""

    def __init__(self, settings: Settings) -> None:
        """Open the store."""
        self.settings = settings
        self.store = Store(settings.folder, settings.dataset)
        self._turns = Turns(settings.max_waiting)

    def question(self, model: str, revision: str, corpus: str, text: str, max_tokens: object, preset: str) -> Question:
        """Check what a visitor wrote; see `question.ask`."""
        return ask(model, revision, corpus, text, max_tokens, preset, limit=self.settings.max_tokens)

    def find(self, question: Question, token: str | bool) -> Answer | None:
        """Return the answer that is kept, if there is one.

        Raises:
            HubError: the visitor may not read the model or the data set, or the Hub is out of reach.
        """
        kept = self.store.find(identify(question, token).key)
        return None if kept is None else self.read(kept, question)

    def read(self, kept: Kept, question: Question) -> Answer:
        """Return what is kept as the answer to a question, which may name the same commit by another revision."""
        asked = replace(kept, question=question, report=_as_asked(kept.report, question))
        return self._answer(asked, kept=True)

    def answer(self, question: Question, token: str | bool) -> Iterator[Waiting | Progress | Answer]:
        """Yield how far it is, and at the end the answer; closing the iterator calls the work off.

        Args:
            question: what to measure.
            token: the visitor's own; False for a visitor who has not logged in. Never the machine's.

        Raises:
            NCError: with what to do.
        """
        identity = identify(question, token)
        if kept := self.store.find(identity.key):
            yield self.read(kept, question)
            return
        place = self._turns.enter()
        try:
            while ahead := self._turns.ahead(place):
                yield Waiting(ahead)
                time.sleep(PAUSE)
            if kept := self.store.find(identity.key):  # someone before us asked the same
                yield self.read(kept, question)
                return
            pinned = replace(question, revision=identity.commit)  # its branch may have moved while it waited
            for step in measure_in_steps(pinned, token, self.settings.max_bytes, self.settings.cache_bytes):
                if isinstance(step, Progress):
                    yield step
                else:
                    yield self._measured(
                        identity, question, _as_asked(step, question), _unmoved(identity, pinned, token)
                    )
        finally:
            self._turns.leave(place)

    def compared(self, models: list[str], corpus: str, text: str, max_tokens: object, preset: str) -> list[Question]:
        """Check a comparison: two to six different models or revisions on one text.

        Raises:
            InputError: there are fewer or more, or one cannot be meant, or is no text.
            CorpusError: the text cannot be meant.
        """
        if not isinstance(models, list):
            raise InputError(f"What was passed as models is no list: pass 2 to {MAX_COMPARED} ids in one.")
        check_texts(**{f"models[{place}]": model for place, model in enumerate(models)})
        named = [model for model in models if model.strip()]
        questions = list(dict.fromkeys(self.question(model, "", corpus, text, max_tokens, preset) for model in named))
        if not 2 <= len(questions) <= MAX_COMPARED:
            raise InputError(
                f"A comparison takes 2 to {MAX_COMPARED} different models or revisions, not {len(questions)}: "
                "write one a line."
            )
        return questions

    def _measured(self, identity: Identity, question: Question, report: Report, unmoved: bool) -> Answer:
        measured = Kept(identity.key, question, report, identity.text_commit if unmoved else None)
        if not (identity.public and unmoved):
            return self._answer(replace(measured, key=""), kept=False)
        try:
            self.store.keep(measured)
        except FileError as fault:
            _LOG.error("A result was not kept: %s", fault)
            measured = replace(measured, key="")
        return self._answer(measured, kept=False)

    def _answer(self, found: Kept, *, kept: bool) -> Answer:
        report = found.report
        placed = places(report, self.store.like(found))
        return Answer(found.key, found.question, report, verdict(report), placed, kept)


def side_by_side(reports: Sequence[Report]) -> Comparison:
    """Compare reports, and say which of them are of one commit under several names."""
    comparison = compare(reports)
    by_commit: dict[tuple[str, str | None], list[str]] = {}
    for name, report in zip(comparison.names, reports, strict=True):
        by_commit.setdefault((report.model.id, report.model.commit), []).append(name)
    same = [
        f"{', '.join(names[:-1])} and {names[-1]} are one commit ({(commit or '')[:7]}), so their values agree; "
        "name another revision."
        for (_, commit), names in by_commit.items()
        if len(names) > 1
    ]
    return replace(comparison, warnings=(*comparison.warnings, *same))


def _as_asked(report: Report, question: Question) -> Report:
    """Return a report of the commit under the revision that was asked for."""
    return replace(report, model=replace(report.model, revision=question.revision))


def _unmoved(identity: Identity, pinned: Question, token: str | bool) -> bool:
    """Whether the data set still is what the key says; it is read by name, so it may have moved before it was read."""
    try:
        return identify(pinned, token) == identity
    except NCError:
        return False
