"""The saved states of one model: branches and tags on the Hub, or the checkpoints in a Trainer's output folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from huggingface_hub import CachedRevisionInfo, scan_cache_dir
from huggingface_hub.errors import CacheNotFound

from nc_hf.errors import HubError, TokenizerError
from nc_hf.hub import (
    Reference,
    Revision,
    list_checkpoints,
    list_revisions,
    load_tokenizer,
    open_tokenizer,
    parse_reference,
    resolve,
)
from nc_hf.hub.adapter import ADAPTER_CONFIG
from nc_hf.hub.listing import look_up
from nc_hf.hub.tokenizer import has_tokenizer
from nc_hf.report import Report


@dataclass(frozen=True)
class SavedState:
    """One state.

    Attributes:
        name: of the branch or tag, or of the checkpoint.
        reference: by which to look it up: the id at a commit, or the checkpoint's folder.
        commit: that the name points to; of a checkpoint what tells its weights from others; empty until asked for.
    """

    name: str
    reference: Reference
    commit: str

    @property
    def key(self) -> str:
        """What is measured once: a commit, whatever its names, or a checkpoint."""
        return self.name if self.reference.folder else self.commit

    @property
    def revision(self) -> Revision:
        """Its name and commit."""
        return Revision(self.name, self.commit)

    def identified(self, token: str | bool | None = None) -> SavedState:
        """Return it with its commit; of a checkpoint that is read off the weights.

        Raises:
            NCError: the checkpoint is no model that can be measured.
        """
        if self.reference.folder is None or self.commit:
            return self
        return replace(self, commit=resolve(self.reference.id, allow_local=True, token=token).identity)

    def named(self, report: Report) -> Report:
        """Return a report of this state, or of one that has its content, as that of its name.

        It comes without the table of single tokens, which would make a long trajectory large; the kept reports have it.
        """
        model = replace(report.model, id=self.reference.id, commit=self.commit)
        shown = model if self.reference.folder else replace(model, revision=self.name)
        return replace(report, model=shown, token_table=None)

    def own_tokenizer(self, token: str | bool | None = None) -> Any:
        """Build the tokenizer; None where there is none, for blocks that were made before need none."""
        try:
            return self.tokenizer(token)
        except TokenizerError:
            return None

    def tokenizer(self, token: str | bool | None = None) -> Any:
        """Build the tokenizer that it would be measured with, where none was named.

        Raises:
            HubError: its files do not come.
            TokenizerError: there is none.
        """
        folder, listing = self.reference.folder, look_up(self.reference, token)
        if not has_tokenizer(listing.sizes):
            if folder is not None and has_tokenizer(look_up(Reference(str(folder.parent), folder=folder.parent)).sizes):
                return open_tokenizer(str(folder.parent), allow_local=True)
            if folder is not None or ADAPTER_CONFIG in listing.sizes:
                source = resolve(
                    self.reference.id, self.reference.revision, allow_local=folder is not None, token=token
                )
                return load_tokenizer(source, token=token)
        return open_tokenizer(self.reference.id, self.reference.revision, allow_local=folder is not None, token=token)


def list_states(
    asked: Reference, select: str | Sequence[str], every: int, token: str | bool | None = None
) -> list[SavedState]:
    """List the states of a model in the order of training; see `list_revisions` and `list_checkpoints`.

    Raises:
        InputError: the folder has no such checkpoint.
        HubError: the repository has no such branch or tag, or the Hub does not say.
    """
    if asked.folder is not None:
        places = [Path(asked.id) / name for name in list_checkpoints(asked.id, asked.folder, select, every=every)]
        return [SavedState(each.name, parse_reference(str(each), allow_local=True), "") for each in places]
    chosen = list_revisions(asked.id, select, every=every, token=token)
    if not chosen:
        raise HubError(f"{asked.id} has neither branches nor tags: name a repository with a model in it.")
    return [SavedState(each.name, Reference(asked.id, each.commit), each.commit) for each in chosen]


def has_weights(commit: str) -> bool:
    """Whether the client's cache holds weights of a commit."""
    files = (file for revision in _cached_revisions(commit) for file in revision.files)
    return any(file.file_name.endswith(".safetensors") for file in files)


def forget(commit: str) -> None:
    """Remove a commit's files from the client's cache, those excepted that other commits share."""
    if _cached_revisions(commit):
        scan_cache_dir().delete_revisions(commit).execute()


def _cached_revisions(commit: str) -> list[CachedRevisionInfo]:
    try:
        repositories = scan_cache_dir().repos
    except CacheNotFound:
        return []
    return [revision for each in repositories for revision in each.revisions if revision.commit_hash == commit]
