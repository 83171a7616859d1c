"""Earlier results: kept by commit, corpus and options, so that the same request is answered at once."""

from __future__ import annotations

import hashlib
import json
import logging
import re
import sys
import threading
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from huggingface_hub import CommitScheduler, HfApi, constants, snapshot_download
from huggingface_hub.errors import HfHubHTTPError

from nc_hf.corpus.spec import CorpusSpec
from nc_hf.errors import NCError
from nc_hf.hub import Reference, parse_reference
from nc_hf.hub.adapter import ADAPTER_CONFIG, base_reference, read_adapter
from nc_hf.hub.faults import hub_faults
from nc_hf.hub.listing import look_up
from nc_hf.hub.tokenizer import has_tokenizer
from nc_hf.measurement.options import deciding
from nc_hf.report import Report
from nc_hf.report.comparability import same_model
from nc_hf.runtime.files import make_folder, read_json, write_text
from nc_hf.runtime.seal import opened, sealed
from nc_hf.runtime.version import VERSION
from nc_hf.space.request import Request, parse_request
from nc_hf.space.settings import FINAL, UPLOAD

_LOG = logging.getLogger("nc_hf.space")
_KEY = re.compile(r"[0-9a-f]{32}")
_ENTRIES = {"key", "question", "text_commit", "report"}
_MAX_KEPT = 2_000
_EVERY_MINUTES = 5


@dataclass(frozen=True)
class Identity:
    """What a request means at this moment.

    Attributes:
        key: equal means the same weights, the same text, the same options and the same version of nc_hf.
        commit: of the model, 40 hexadecimal digits: the one to measure, whatever its branch names by then.
        public: whether everybody may read the model and the text, so that the result may be kept for others.
        text_commit: of the data set; None where the text comes from none.
        base: id of the model into which the adapter that was asked for is merged; None for a model that is whole.
    """

    key: str
    commit: str
    public: bool
    text_commit: str | None = None
    base: str | None = None


@dataclass(frozen=True)
class StoredResult:
    """A report and the request for it.

    Attributes:
        key: of the request's identity; empty where the result is not kept.
        request: what was asked.
        report: what was measured; it names the version of nc_hf that did.
        text_commit: of the data set that was read; None where there is none, or where it is not known.
    """

    key: str
    request: Request
    report: Report
    text_commit: str | None = None

    @property
    def circumstances(self) -> tuple[object, ...] | None:
        """What another result must share to be compared with this one; None where the text is not known for sure."""
        asked = self.request
        if self.text_commit is None and CorpusSpec.parse(asked.corpus).dataset is not None:
            return None
        # Further layers change nothing of the last one, whose values are held against each other.
        decided = tuple(deciding(replace(asked, layers=FINAL).options).items())
        return asked.corpus, self.text_commit, asked.tokenizer, decided, self.report.versions.get("nc_hf")

    def summary(self) -> dict[str, Any]:
        """Return the request and the outcome in short, as JSON."""
        report = self.report
        outcome = {"commit": report.model.commit, "loss": report.loss, "created": report.created}
        return {"key": self.key, **self.request.to_dict(), **outcome}


def identify(request: Request, token: str | bool) -> Identity:
    """Ask the Hub which commits are meant, and whether this visitor may read them.

    Raises:
        HubError: the Hub does not give the model or the data set out, or is out of reach.
    """
    api = HfApi(token=token)
    with hub_faults(request.model, request.revision, token):
        model = api.model_info(request.model, revision=request.revision, timeout=constants.HF_HUB_ETAG_TIMEOUT)
    commit = str(model.sha)
    parts: list[object] = [VERSION, request.model, commit, request.corpus, deciding(request.options)]
    public = not model.private and not model.gated
    base = None
    if any(sibling.rfilename == ADAPTER_CONFIG for sibling in model.siblings or ()):
        below = _base_of(Reference(request.model, commit), token)
        base = below.id
        with hub_faults(below.id, below.revision, token):
            whole = api.model_info(below.id, revision=below.revision, timeout=constants.HF_HUB_ETAG_TIMEOUT)
        parts.append([below.id, whole.sha])
        public = public and not whole.private and not whole.gated
    reader = _tokenizer_of(request, [sibling.rfilename for sibling in model.siblings or ()])
    if reader is not None:
        with hub_faults(reader.id, reader.revision, token):
            files = api.model_info(reader.id, revision=reader.revision, timeout=constants.HF_HUB_ETAG_TIMEOUT)
        parts.append(["tokenizer", reader.id, files.sha])
        public = public and not files.private and not files.gated
    if request.corpus == UPLOAD:
        return Identity(_key([*parts, request.text]), commit, public=False, base=base)
    dataset = CorpusSpec.parse(request.corpus).dataset
    if dataset is not None:
        with hub_faults(dataset, None, token):
            text = api.dataset_info(dataset, timeout=constants.HF_HUB_ETAG_TIMEOUT)
        parts.append(text.sha)
        public = public and not text.private and not text.gated
        return Identity(_key(parts), commit, public, text.sha, base)
    return Identity(_key(parts), commit, public, base=base)


def _tokenizer_of(request: Request, files: Sequence[str]) -> Reference | None:
    """Return the tokenizer that is named, or the default branch where the revision has none; None for its own."""
    if request.tokenizer:
        return parse_reference(request.tokenizer)
    lacking = request.revision is not None and ADAPTER_CONFIG not in files and not has_tokenizer(files)
    return Reference(request.model) if lacking else None


def _base_of(adapter: Reference, token: str | bool) -> Reference:
    """Name the base of an adapter of the Hub; nothing is left in the cache, which is for what is measured."""
    listing = look_up(adapter, token)
    return base_reference(listing.name, read_adapter(listing.name, listing.read_small(ADAPTER_CONFIG, token)))


class Store:
    """A folder with one JSON file a result; with a data set of the Hub behind it where one is configured."""

    def __init__(self, folder: Path, dataset: str | None = None) -> None:
        """Open it; what the data set holds is fetched.

        Raises:
            FileError: a file is in its place, or the disk does not take it.
        """
        self.folder = folder
        self._lock = threading.Lock()
        self._kept: dict[str, StoredResult] = {}
        make_folder(folder)
        self._scheduler = _schedule(folder, dataset) if dataset else None
        for path in sorted(folder.glob("*.json"), key=lambda path: path.stat().st_mtime)[-_MAX_KEPT:]:
            self._read(path)

    def find(self, key: str) -> StoredResult | None:
        """Return the result of that key."""
        return self._kept.get(key)

    def keep(self, kept: StoredResult) -> None:
        """Keep a result for everybody: only for what everybody may read.

        Raises:
            FileError: the disk does not take it.
        """
        # "question" is what these files have called a request since the first of them.
        document = {
            "key": kept.key,
            "question": kept.request.to_dict(),
            "text_commit": kept.text_commit,
            "report": kept.report.to_dict(),
        }
        text = json.dumps(sealed(document), ensure_ascii=False, allow_nan=False)
        with self._scheduler.lock if self._scheduler else nullcontext():
            write_text(self.folder / f"{kept.key}.json", text)
        with self._lock:
            self._kept.pop(kept.key, None)
            self._kept[kept.key] = kept
            while len(self._kept) > _MAX_KEPT:
                self._kept.pop(next(iter(self._kept)))

    def push(self) -> object:
        """Push what came since the last time to the data set now; None where there is nothing to push or nowhere."""
        return self._scheduler.push_to_hub() if self._scheduler else None

    def all(self) -> list[StoredResult]:
        """List the results, the newest first."""
        with self._lock:
            return sorted(self._kept.values(), key=lambda kept: kept.report.created, reverse=True)

    def like(self, mine: StoredResult) -> Iterable[Report]:
        """Other models' results by the same version of nc_hf, on the same commit of the text, with the same options."""
        for other in self.all() if mine.circumstances is not None else []:
            same = other.circumstances == mine.circumstances
            if same and not same_model(other.report, mine.report):
                yield other.report

    def _read(self, path: Path) -> None:
        try:
            kept = _read(path)
        except (ValueError, TypeError, KeyError, NCError) as fault:
            _LOG.warning("%s is no kept result and is left aside: %s", path, fault)
            return
        if _KEY.fullmatch(path.stem) and kept.request.corpus != UPLOAD:
            self._kept[path.stem] = kept


def _read(path: Path) -> StoredResult:
    """Read a kept result; older ones have neither a seal nor their key, and the first no commit of their text."""
    document = read_json(path)
    if not isinstance(document, dict):
        raise ValueError("it is no object")
    document = opened(document)
    if document.keys() - _ENTRIES or document.get("key", path.stem) != path.stem:
        raise ValueError("it has entries that none has, or the name of another")
    request, report = _meant(Request(**document["question"])), Report.from_dict(document["report"])
    return StoredResult(path.stem, request, report, document.get("text_commit"))


def _meant(asked: Request) -> Request:
    """Refuse what no visitor could have asked, as whatever comes over a network."""
    texts = asked.model, asked.revision or "", asked.corpus, "", asked.max_tokens, asked.preset, asked.tokenizer or ""
    if parse_request(*texts, limit=sys.maxsize, layers=asked.layers) != asked:
        raise ValueError("it is of a request that nobody can make")
    return asked


def _key(parts: Sequence[object]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def _schedule(folder: Path, dataset: str) -> CommitScheduler | None:
    """Fetch what the data set holds and push what comes; without it the folder alone is used, and the log says so."""
    try:
        with hub_faults(dataset):
            scheduler = CommitScheduler(repo_id=dataset, repo_type="dataset", folder_path=folder, every=_EVERY_MINUTES)
            snapshot_download(dataset, repo_type="dataset", allow_patterns="*.json", local_dir=folder)
    except (NCError, HfHubHTTPError) as fault:
        _LOG.error("Results are kept on this machine alone: %s", fault)
        return None
    return scheduler
