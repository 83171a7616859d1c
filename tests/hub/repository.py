"""Repositories of the Hub stand-in: files by commit, branches, tags and pull requests, who may read them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

Content = bytes | str | Path
WHEN = datetime(2024, 5, 18, tzinfo=UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")

_LARGE = (".safetensors", ".bin", ".gguf", ".parquet")  # what .gitattributes of the Hub puts outside of git
_POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize {}\n"


class NotThereError(Exception):
    """A repository, revision or file that is not there; carries the Hub's name for which."""


@dataclass(frozen=True)
class Commit:
    """One state of all files."""

    sha: str
    title: str
    parent: str | None
    files: dict[str, Content]


@dataclass
class Repository:
    """A model, data set or Space.

    ``claimed`` holds sizes that the Hub's lists and headers shall state instead of the true ones, by file name;
    ``originals`` are the models of which its card says that it was made of them;
    without ``digests`` the lists leave out what they say of files outside of git, as those of some mirrors do.
    """

    id: str
    kind: str = "model"
    private: bool = False
    gated: bool = False
    disabled: bool = False
    readers: set[str] = field(default_factory=set)
    claimed: dict[str, int] = field(default_factory=dict)
    digests: bool = True
    originals: tuple[str, ...] = ()
    commits: dict[str, Commit] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    pulls: dict[str, str] = field(default_factory=dict)

    def commit(
        self,
        files: Mapping[str, Content] | None = None,
        *,
        delete: tuple[str, ...] = (),
        branch: str = "main",
        title: str = "Update",
    ) -> str:
        """Add a commit that writes ``files`` and removes ``delete`` (files or folders) on a branch; return its sha."""
        parent = self.branches.get(branch) or self.pulls.get(branch)
        before = self.commits[parent].files if parent else {}
        kept = {
            name: content
            for name, content in before.items()
            if not any(name == gone or name.startswith(gone.rstrip("/") + "/") for gone in delete)
        }
        state = {**kept, **(files or {})}
        print_of_state = repr(
            [self.id, parent, title, len(self.commits), sorted((k, oid(v)) for k, v in state.items())]
        )
        sha = hashlib.sha1(print_of_state.encode()).hexdigest()
        self.commits[sha] = Commit(sha, title, parent, state)
        (self.pulls if branch.startswith("refs/pr/") else self.branches)[branch] = sha
        return sha

    def open_pull(self, base: str = "main") -> str:
        """Start a pull request from a branch; return its reference."""
        reference = f"refs/pr/{len(self.pulls) + 1}"
        self.pulls[reference] = self.branches[base]
        return reference

    def at(self, revision: str) -> Commit:
        """Look a branch, tag, pull request or commit up."""
        sha = self.branches.get(revision) or self.tags.get(revision) or self.pulls.get(revision) or revision
        if sha not in self.commits:
            raise NotThereError("RevisionNotFound")
        return self.commits[sha]

    def size(self, commit: Commit, name: str) -> int:
        """Size of a file as the Hub states it."""
        return self.claimed.get(name, length(commit.files[name]))

    def history(self, revision: str) -> list[dict[str, Any]]:
        """List commits from the newest to the oldest."""
        listed, sha = [], self.at(revision).sha
        while sha:
            commit = self.commits[sha]
            listed.append(
                {"id": sha, "title": commit.title, "message": "", "date": WHEN, "authors": [{"user": "writer"}]}
            )
            sha = commit.parent or ""
        return listed

    def info(self, revision: str, *, sizes: bool) -> dict[str, Any]:
        """What the Hub says of a repository at a revision."""
        commit = self.at(revision)
        siblings = [
            {"rfilename": name}
            | ({"size": self.size(commit, name), "blobId": oid(commit.files[name])} if sizes else {})
            for name in sorted(commit.files)
        ]
        return {
            "id": self.id,
            "modelId": self.id,
            "sha": commit.sha,
            "private": self.private,
            "gated": "manual" if self.gated else False,
            "disabled": self.disabled,
            "tags": [f"base_model:{name}" for name in self.originals],
            "downloads": 1,
            "likes": 0,
            "lastModified": WHEN,
            "createdAt": WHEN,
            "siblings": siblings,
        } | ({"sdk": "gradio"} if self.kind == "space" else {})

    def entries(self, revision: str, folder: str = "", *, recursive: bool = False) -> list[dict[str, Any]]:
        """List files and folders below ``folder``."""
        commit = self.at(revision)
        prefix = f"{folder}/" if folder else ""
        listed: dict[str, dict[str, Any]] = {}
        for name in sorted(commit.files):
            if not name.startswith(prefix):
                continue
            parts = name[len(prefix) :].split("/")
            for depth in range(1, len(parts)):
                path = prefix + "/".join(parts[:depth])
                if recursive or depth == 1:
                    listed[path] = {"type": "directory", "path": path, "oid": oid(path), "size": 0}
            if recursive or len(parts) == 1:
                listed[name] = self.entry(commit, name)
        if folder and not listed:
            raise NotThereError("EntryNotFound")
        return list(listed.values())

    def entry(self, commit: Commit, name: str) -> dict[str, Any]:
        """Describe one file; what the Hub keeps outside of git has the sha256 of its content."""
        content, size = commit.files[name], self.size(commit, name)
        about = {"type": "file", "path": name, "oid": oid(content), "size": size}
        if not (self.digests and name.endswith(_LARGE)):
            return about
        digest = hashlib.sha256(as_bytes(content)).hexdigest()
        return about | {"lfs": {"oid": digest, "size": size, "pointerSize": len(_POINTER.format(digest, size))}}

    def references(self, *, pulls: bool = False) -> dict[str, Any]:
        """List branches and tags."""

        def listed(refs: Mapping[str, str], prefix: str) -> list[dict[str, str]]:
            return [{"name": name, "ref": prefix + name, "targetCommit": sha} for name, sha in refs.items()]

        return {
            "branches": listed(self.branches, "refs/heads/"),
            "tags": listed(self.tags, "refs/tags/"),
            "converts": [],
            "pullRequests": listed(self.pulls, "") if pulls else [],
        }


def length(content: Content) -> int:
    """Bytes of a file."""
    return content.stat().st_size if isinstance(content, Path) else len(as_bytes(content))


def as_bytes(content: Content) -> bytes:
    """A file's bytes."""
    if isinstance(content, Path):
        return content.read_bytes()
    return content.encode() if isinstance(content, str) else content


def oid(content: Content) -> str:
    """Name of a blob; the client makes it the name of a file in its cache."""
    return hashlib.sha1(as_bytes(content)).hexdigest()


def files_of(folder: Path) -> dict[str, Content]:
    """All files below a folder, as a repository's files."""
    return {str(path.relative_to(folder)): path for path in sorted(folder.rglob("*")) if path.is_file()}
