"""Measure every saved state of a model on one text: branch by branch, tag by tag, resumable."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Unpack

from huggingface_hub import CachedRevisionInfo, scan_cache_dir
from huggingface_hub.errors import CacheNotFound

from nc_hf.corpus.blocks import TokenBlocks
from nc_hf.corpus.corpus import Corpus, PackedOnce, open_corpus
from nc_hf.errors import FeatureError, HubError, InputError, LabelError, ModelError, NCError, StatisticsError
from nc_hf.hub import Reference, Revision, list_revisions, open_tokenizer, parse_reference
from nc_hf.hub.content import same_content, weights_of
from nc_hf.hub.listing import look_up
from nc_hf.measurement.kept import KeptReports
from nc_hf.measurement.measure import measure
from nc_hf.measurement.options import MeasureOptions, complete, deciding, takes_options
from nc_hf.report import Report
from nc_hf.report.comparability import same_model
from nc_hf.report.several import TrajectoryFailure
from nc_hf.report.trajectory import Trajectory, TrajectoryPoint
from nc_hf.runtime.version import VERSION

# What one revision may lack without the others lacking it too; anything else ends the trajectory.
_OF_ONE_REVISION = (ModelError, HubError, FeatureError, LabelError, StatisticsError)


@dataclass(frozen=True)
class Turn:
    """Whose turn it is.

    Attributes:
        number: of the revision, from 1.
        total: number of revisions.
        revision: its name and commit.
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
    """Measure a model at every selected branch and tag of its repository.

    Each commit is measured once, however many names point to it, and as the list of revisions gave it; and so are
    commits with the same weights, configuration and tokenizer, which is known without a download: the later points say
    whose weights they have. The text is packed once for all revisions with the same tokenizer. A revision that cannot
    be measured is listed under ``failures``, and the others go on.

    Args:
        model: id on the Hub, or the address of its page.
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
        InputError: ``model`` is no id or names a revision, or an option cannot be meant.
        MergeError: ``folder`` holds reports of another model, text or other options.
        FileError: a report in ``folder`` is damaged, or the folder cannot be written.
        NCError: nothing could be measured; of the kind of the first revision's failure.
    """
    asked = parse_reference(model)
    if asked.revision:
        raise InputError(f"{asked} names a revision: give the id alone, and the revisions apart.")
    chosen = list_revisions(asked.id, revisions, every=every, token=options.get("token"))
    if not chosen:
        raise HubError(f"{asked.id} has neither branches nor tags: name a repository with a model in it.")
    text, options = _opened(corpus, options)
    kept = None if folder is None else KeptReports(Path(folder), _settings(asked.id, text, options))
    points: list[TrajectoryPoint] = []
    failures: dict[str, NCError] = {}
    reports: dict[str, Report] = {}
    for number, revision in enumerate(chosen, start=1):
        commit = revision.commit
        if commit not in reports and kept and (found := kept.find(commit, partial(_fingerprint, text, options))):
            reports[commit] = found
        if commit not in reports and commit not in failures:
            try:
                _share(asked.id, commit, reports, kept, options.get("token"))
            except _OF_ONE_REVISION as failure:
                failures[commit] = failure
        same_as = None if commit not in reports else _first_like(reports[commit], points)
        if on_turn is not None:
            on_turn(Turn(number, len(chosen), revision, kept=commit in reports, same_as=same_as))
        if commit not in reports and commit not in failures:
            try:
                reports[commit] = _measure(asked.id, commit, text, kept, keep_downloads, options)
            except _OF_ONE_REVISION as failure:
                failures[commit] = failure
        if commit in reports:
            report = reports[commit]
            # The table of single tokens would make a long trajectory large; the kept reports have it.
            named = replace(report, model=replace(report.model, revision=revision.name), token_table=None)
            points.append(TrajectoryPoint(revision.name, commit, named, same_as))
    if not points:
        raise next(iter(failures.values()))
    failed = [each for each in chosen if each.commit in failures]
    return Trajectory(
        asked.id, points, [TrajectoryFailure(each.name, each.commit, str(failures[each.commit])) for each in failed]
    )


def _opened(
    corpus: str | Corpus | TokenBlocks, options: MeasureOptions
) -> tuple[PackedOnce | TokenBlocks, MeasureOptions]:
    """Open text and tokenizer once for all revisions; the names that are left are of the Hub alone."""
    settings = complete(options)
    allow_local, token, tokenizer = settings["allow_local"], settings["token"], settings["tokenizer"]
    if isinstance(corpus, str):
        corpus = open_corpus(corpus, settings["split"], allow_local=allow_local, token=token)
    if isinstance(tokenizer, str | Path):
        tokenizer = open_tokenizer(str(tokenizer), allow_local=allow_local, token=token)
    text = corpus if isinstance(corpus, TokenBlocks) else PackedOnce.of(corpus)
    return text, {**options, "classes": settings["classes"], "tokenizer": tokenizer, "allow_local": False}


def _share(
    model: str, commit: str, reports: dict[str, Report], kept: KeptReports | None, token: str | bool | None
) -> None:
    """Give a commit the report of another one that has its content, if there is one."""
    if not any(report.model.weights for report in reports.values()):
        return
    listing = look_up(Reference(model, commit), token)
    weights = weights_of(listing, token)
    for other, report in reports.items():
        if weights is None or report.model.weights != weights:
            continue
        if same_content(listing, look_up(Reference(model, other), token), token):
            shared = replace(report, model=replace(report.model, revision=commit, commit=commit))
            if kept is not None:
                kept.keep(commit, shared)
            reports[commit] = shared
            return


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


def _measure(
    model: str,
    commit: str,
    text: PackedOnce | TokenBlocks,
    kept: KeptReports | None,
    keep_downloads: bool,
    options: MeasureOptions,
) -> Report:
    """Measure one commit, keep the report, and tidy up after it."""
    stays = keep_downloads or _has_weights(commit)

    def run(unfinished: Path | None) -> Report:
        return measure(model, text, revision=commit, checkpoint_path=unfinished, **options)

    try:
        return kept.measured(commit, run) if kept else run(None)
    finally:
        if not stays:
            _forget(commit)


def _settings(model: str, text: PackedOnce | TokenBlocks, options: MeasureOptions) -> dict[str, object]:
    """What every report of a folder must share; what decides only how fast may change when a trajectory goes on."""
    source = text.source if isinstance(text, TokenBlocks) else text.name
    return {"nc_hf": VERSION, "model": model, "corpus": source, **deciding(options)}


def _fingerprint(text: PackedOnce | TokenBlocks, options: MeasureOptions, report: Report) -> str:
    """Fingerprint of the blocks on which a report's commit would be measured now."""
    if isinstance(text, TokenBlocks):
        return text.fingerprint
    record, settings = report.corpus, complete(options)
    tokenizer = settings["tokenizer"] or open_tokenizer(report.model.id, report.model.commit, token=settings["token"])
    most, seed = settings["max_tokens"], settings["seed"]
    return text.sample(tokenizer, record.block_size, packing=record.packing, max_tokens=most, seed=seed).fingerprint


def _has_weights(commit: str) -> bool:
    """Whether the client's cache holds weights of a commit."""
    files = (file for revision in _cached_revisions(commit) for file in revision.files)
    return any(file.file_name.endswith(".safetensors") for file in files)


def _forget(commit: str) -> None:
    """Remove a commit's files from the client's cache, those excepted that other commits share."""
    if _cached_revisions(commit):
        scan_cache_dir().delete_revisions(commit).execute()


def _cached_revisions(commit: str) -> list[CachedRevisionInfo]:
    try:
        repositories = scan_cache_dir().repos
    except CacheNotFound:
        return []
    return [revision for each in repositories for revision in each.revisions if revision.commit_hash == commit]
