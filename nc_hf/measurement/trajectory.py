"""Measure every saved state of a model on one text: branch by branch, checkpoint by checkpoint, resumable."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Unpack

from nc_hf.corpus.blocks import TokenBlocks
from nc_hf.corpus.corpus import Corpus, open_corpus
from nc_hf.corpus.packed_once import PackedOnce
from nc_hf.errors import (
    FeatureError,
    HubError,
    InputError,
    LabelError,
    MergeError,
    ModelError,
    NCError,
    StatisticsError,
)
from nc_hf.hub import Reference, Revision, open_tokenizer, parse_reference, resolve
from nc_hf.hub.adapter import ADAPTER_CONFIG
from nc_hf.hub.content import same_content, weights_of
from nc_hf.hub.listing import look_up
from nc_hf.measurement.kept import KeptReports
from nc_hf.measurement.measure import measure, start_process
from nc_hf.measurement.options import MeasureOptions, complete, deciding, takes_options
from nc_hf.measurement.saved_states import SavedState, forget, has_weights, list_states
from nc_hf.report import Report
from nc_hf.report.comparability import same_model
from nc_hf.report.several import TrajectoryFailure
from nc_hf.report.trajectory import Trajectory, TrajectoryPoint
from nc_hf.runtime.lock import in_use
from nc_hf.runtime.version import VERSION

# What one revision may lack without the others lacking it too; anything else ends the trajectory.
OF_ONE_REVISION = (ModelError, HubError, FeatureError, LabelError, StatisticsError)


@dataclass(frozen=True)
class Turn:
    """Whose turn it is.

    Attributes:
        number: of the revision, from 1.
        total: number of revisions.
        revision: its name and commit; of a checkpoint the hash of its weights, or nothing where it has none.
        kept: whether it was measured before, so that its report is only read.
        same_as: an earlier revision with the same weights, whose report it shares.
    """

    number: int
    total: int
    revision: Revision
    kept: bool
    same_as: str | None = None


@takes_options()
def trajectory(
    model: str,
    corpus: str | Corpus | TokenBlocks = "tinystories",
    *,
    revisions: str | Sequence[str] = "all",
    every: int = 1,
    folder: str | Path | None = None,
    keep_downloads: bool = True,
    on_turn: Callable[[Turn], None] | None = None,
    **options: Unpack[MeasureOptions],
) -> Trajectory:
    """Measure a model at every selected branch and tag of its repository, or at the checkpoints of a Trainer.

    Each commit is measured once, however many names point to it, and as the list of revisions gave it; and so are
    commits and checkpoints with the same weights, configuration and tokenizer, which is known without a download: the
    later points say whose weights they have. The text is packed once for all revisions with the same tokenizer. A
    revision that cannot be measured is listed under ``failures``, and the others go on.

    Args:
        model: id on the Hub, or the address of its page; or a Trainer's output folder, of whose sub-folders
            ``checkpoint-N`` each is a revision. Where a checkpoint has no tokenizer, the folder's serves.
        corpus: as for `nc_hf.measure`.
        revisions: ``"all"``, a glob such as ``"step*"``, or names, as a sequence or with commas between.
        every: take the first of them and every n-th after it.
        folder: where to keep each report as soon as it is there. Called again with the same folder, a trajectory that
            was interrupted goes on where it was, also within a revision, and measures nothing twice.
        keep_downloads: False removes what was fetched of a revision from the client's cache once it is measured, for
            when the disk does not hold all of them; weights that lay there before stay.
        on_turn: called before each revision.
        **options: as `nc_hf.measurement.options.MeasureOptions` declares them, the same for all revisions.

    Raises:
        InputError: ``model`` is neither an id nor a folder with checkpoints, or names a revision, or an option cannot
            be meant.
        MergeError: ``folder`` holds reports of another model, text or other options.
        FileError: a report in ``folder`` is damaged, or another run works in it, or it cannot be written.
        NCError: nothing could be measured; of the kind of the first revision's failure.
    """
    with in_use(folder, start_process(options.get("device"))):
        return _followed(model, corpus, revisions, every, folder, keep_downloads, on_turn, options)


def _followed(
    model: str,
    corpus: str | Corpus | TokenBlocks,
    revisions: str | Sequence[str],
    every: int,
    folder: str | Path | None,
    keep_downloads: bool,
    on_turn: Callable[[Turn], None] | None,
    options: MeasureOptions,
) -> Trajectory:
    """Measure state after state, while the folder is this run's alone."""
    asked = parse_reference(model, allow_local=options.get("allow_local", True))
    if asked.revision:
        raise InputError(f"{asked} names a revision: give the id alone, and the revisions apart.")
    if asked.folder and not keep_downloads:
        raise InputError(f"The checkpoints in {asked} are no downloads and stay: leave keep_downloads out.")
    chosen = list_states(asked, revisions, every, options.get("token"))
    text, options = _opened(corpus, options, asked)
    kept = None if folder is None else KeptReports(Path(folder), _settings(asked, text, options))
    course = _Course(text, kept, keep_downloads, options)
    points: list[TrajectoryPoint] = []
    failed: list[TrajectoryFailure] = []
    for number, each in enumerate(chosen, start=1):
        state = course.look_up(each)
        found = course.reports.get(state.key)
        same_as = None if found is None else _first_like(found, points)
        if on_turn is not None:
            on_turn(Turn(number, len(chosen), state.revision, kept=found is not None, same_as=same_as))
        report = course.measured(state)
        if report is not None:
            points.append(TrajectoryPoint(state.name, state.commit, state.named(report), same_as))
        else:
            failed.append(TrajectoryFailure(state.name, state.commit, course.failures[state.key].told()))
    if not points:
        raise next(iter(course.failures.values()))
    return Trajectory(asked.id, points, failed)


class _Course:
    """What is known of the states by now: a report of each, or why there is none."""

    def __init__(
        self, text: PackedOnce | TokenBlocks, kept: KeptReports | None, keep_downloads: bool, options: MeasureOptions
    ) -> None:
        self.reports: dict[str, Report] = {}
        self.failures: dict[str, NCError] = {}
        self._states: dict[str, SavedState] = {}
        self._text, self._kept, self._keep_downloads, self._options = text, kept, keep_downloads, options
        self._token = options.get("token")
        self._listing = lru_cache(maxsize=None)(lambda reference: look_up(reference, self._token))

    def look_up(self, state: SavedState) -> SavedState:
        """Find the report of a state measured before, or of one with the same content; return the state identified."""
        if state.key in self.failures:
            return state
        try:
            state = self._states[state.key] = state.identified(self._token)
            if state.key not in self.reports and self._kept:
                found = self._kept.find(state.commit, lambda report: self._fingerprint(state, report), state.key)
                if found is not None:
                    self.reports[state.key] = self._of_this_base(state, found)
            if state.key not in self.reports:
                self._share(state)
        except OF_ONE_REVISION as failure:
            self.failures[state.key] = failure
        return state

    def measured(self, state: SavedState) -> Report | None:
        """Return the report of a state, measuring it if there is none; None if it cannot be measured."""
        if state.key not in self.reports and state.key not in self.failures:
            try:
                self.reports[state.key] = self._measure(state)
            except OF_ONE_REVISION as failure:
                self.failures[state.key] = failure
        return self.reports.get(state.key)

    def _measure(self, state: SavedState) -> Report:
        """Measure a state, keep the report, and tidy up after it."""
        stays = self._keep_downloads or has_weights(state.commit)
        options = self._options
        if state.reference.folder and not options.get("tokenizer"):
            options = {**options, "tokenizer": state.own_tokenizer(self._token)}

        def run(unfinished: Path | None) -> Report:
            name, revision = state.reference.id, state.reference.revision
            return measure(name, self._text, revision=revision, checkpoint_path=unfinished, **options)

        try:
            return self._kept.measured(state.key, run) if self._kept else run(None)
        finally:
            if not stays:
                forget(state.commit)

    def _share(self, state: SavedState) -> None:
        """Give a state the report of another one that has its content, if there is one."""
        if not any(report.model.weights for report in self.reports.values()):
            return
        listing = self._listing(state.reference)
        weights = weights_of(listing, self._token)
        for other, report in self.reports.items():
            # Of an adapter a report has the hash of its weights and the base's, and what lies there has its own.
            alike = (
                report.model.base is not None if ADAPTER_CONFIG in listing.sizes else report.model.weights == weights
            )
            if weights is None or not alike:
                continue
            if same_content(listing, self._listing(self._states[other].reference), self._token):
                reference, commit = state.reference, state.commit
                model = replace(report.model, id=reference.id, revision=reference.revision, commit=commit)
                self.reports[state.key] = replace(report, model=model)
                if self._kept is not None:
                    self._kept.keep(state.key, self.reports[state.key])
                return

    def _of_this_base(self, state: SavedState, report: Report) -> Report:
        """Refuse the report of an adapter whose base is another one by now."""
        base = report.model.base
        if base is not None:
            name, revision, local = state.reference.id, state.reference.revision, state.reference.folder is not None
            now = resolve(name, revision, allow_local=local, token=self._token).base
            if now is None or (now.commit or now.identity) != base.commit:
                raise MergeError(
                    f"The kept report of {state.name} is of an adapter over another state of {base.id}: name another "
                    "folder."
                )
        return report

    def _fingerprint(self, state: SavedState, report: Report) -> str:
        """Fingerprint of the blocks on which a report's state would be measured now."""
        if isinstance(self._text, TokenBlocks):
            return self._text.fingerprint
        record, settings = report.corpus, complete(self._options)
        tokenizer = settings["tokenizer"] or state.tokenizer(self._token)
        most, seed = settings["max_tokens"], settings["seed"]
        packed = self._text.sample(tokenizer, record.block_size, packing=record.packing, max_tokens=most, seed=seed)
        return packed.fingerprint


def _opened(
    corpus: str | Corpus | TokenBlocks, options: MeasureOptions, asked: Reference
) -> tuple[PackedOnce | TokenBlocks, MeasureOptions]:
    """Open text and tokenizer once for all revisions; names that are left are of the Hub, or of checkpoints here."""
    settings = complete(options)
    allow_local, token, tokenizer = settings["allow_local"], settings["token"], settings["tokenizer"]
    if isinstance(corpus, str):
        corpus = open_corpus(corpus, settings["split"], allow_local=allow_local, token=token)
    if isinstance(tokenizer, str | Path):
        tokenizer = open_tokenizer(str(tokenizer), allow_local=allow_local, token=token)
    text = corpus if isinstance(corpus, TokenBlocks) else PackedOnce.of(corpus)
    here = asked.folder is not None
    return text, {**options, "classes": settings["classes"], "tokenizer": tokenizer, "allow_local": here}


def _first_like(report: Report, points: Sequence[TrajectoryPoint]) -> str | None:
    """Name the first revision whose report is this very measurement."""
    mine = _apart_from_model(report)
    for point in points:
        if same_model(point.report, report) and _apart_from_model(point.report) == mine:
            return point.revision
    return None


def _apart_from_model(report: Report) -> dict[str, object]:
    """Return all that was found, and when: two measurements may share a second, but not their every value."""
    found: dict[str, object] = replace(report, token_table=None).to_dict()
    return {name: entry for name, entry in found.items() if name != "model"}


def _settings(asked: Reference, text: PackedOnce | TokenBlocks, options: MeasureOptions) -> dict[str, object]:
    """What every report of a folder must share; what decides only how fast may change when a trajectory goes on."""
    source = text.source if isinstance(text, TokenBlocks) else text.name
    model = str(asked.folder.resolve()) if asked.folder else asked.id
    return {"nc_hf": VERSION, "model": model, "corpus": source, **deciding(options)}
