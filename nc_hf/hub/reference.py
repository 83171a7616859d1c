"""What a model is called: ``ID``, ``ID@REVISION``, a pasted address, or a folder where one is allowed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from huggingface_hub import constants
from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils._validators import validate_repo_id

from nc_hf.errors import InputError

_HOSTS = {"huggingface.co", "www.huggingface.co", "hf.co"}
_PAGES = {"tree", "blob", "resolve", "raw", "blame", "commit", "commits", "discussions"}
_OTHER_KINDS = {"datasets": "data set", "spaces": "Space", "collections": "collection", "papers": "paper"}
# A revision names a file in the cache and a part of an address: one or more plain components, none of them hidden or
# a step upwards.
_REVISION = re.compile(r"[\w+=][\w.+=-]*(/[\w+=][\w.+=-]*)*", re.ASCII)


@dataclass(frozen=True)
class Reference:
    """A model that was asked for, not yet looked up.

    Attributes:
        id: Hub id ``owner/name`` (or ``name``), or the folder as it was written.
        revision: branch, tag or commit that was asked for; None means the repository's default.
        folder: where the model lies when it is a folder of this machine; None for a model of the Hub.
    """

    id: str
    revision: str | None = None
    folder: Path | None = None

    def __str__(self) -> str:
        """Write it as ``ID@REVISION``."""
        return f"{self.id}@{self.revision}" if self.revision else self.id


def parse_reference(text: str, revision: str | None = None, *, allow_local: bool = False) -> Reference:
    """Read a model's name.

    Args:
        text: ``ID[@REVISION]``, an address such as ``https://huggingface.co/ID/tree/REVISION``, or, when
            ``allow_local``, a folder.
        revision: the revision, if it is not part of ``text``.
        allow_local: whether a folder of this machine may be named. Only a person at the machine may do so: leave it
            False for anything that came over a network.

    Raises:
        InputError: if ``text`` is no Hub id, or two revisions disagree.
    """
    text = str(text).strip()
    if allow_local and (folder := _folder(text)):
        if revision:
            raise InputError(f"A folder has no revisions: give {text!r} without {revision!r}.")
        return Reference(text, folder=folder)
    model, inline = _split_address(text) if _is_address(text) else _split_revision(text)
    if revision and inline and revision != inline:
        raise InputError(f"Two revisions are named, {inline!r} and {revision!r}: keep one of them.")
    try:
        validate_repo_id(model)
    except HFValidationError:
        raise InputError(
            f"{_shown(text)} is not the id of a model: write it as owner/name or owner/name@revision, "
            "as on the model's page on the Hub."
        ) from None
    return Reference(model, check_revision(revision or inline))


def check_revision(revision: str | None) -> str | None:
    """Return ``revision`` as given if it can be the name of a branch, tag or commit.

    Raises:
        InputError: if it cannot, for instance because it would step out of the cache's folder.
    """
    if revision is None or (len(revision) <= 200 and _REVISION.fullmatch(revision)):
        return revision
    raise InputError(f"{_shown(revision)} cannot be a revision: name a branch, a tag or a commit of the repository.")


def _folder(text: str) -> Path | None:
    """Return the folder that ``text`` means, None if it means a Hub id; a path that leads nowhere is an error."""
    try:
        folder = Path(text).expanduser() if text else None
        if folder and folder.is_dir():
            return folder
        if folder and folder.is_file():
            raise InputError(f"{_shown(text)} is a file: name the folder of a model or of a tokenizer.")
        is_path = text.startswith((".", "/", "~", "\\"))
        before, at, revision = text.rpartition("@")
        if is_path and at and Path(before).expanduser().is_dir():
            raise InputError(f"A folder has no revisions: give {_shown(before)} without {_shown(at + revision)}.")
    except (OSError, ValueError, RuntimeError):  # too long, a character that no path has, no such user
        is_path = True
    if is_path:
        raise InputError(
            f"There is no folder {_shown(text)}: check the path; a model's folder holds config.json and the weights, a "
            "tokenizer's tokenizer.json."
        )
    return None


def _is_address(text: str) -> bool:
    host = text.split("//")[-1].split("/")[0].lower()
    return "://" in text or host in _HOSTS


def _split_revision(text: str) -> tuple[str, str | None]:
    model, at, revision = text.partition("@")
    return model.rstrip("/"), revision.rstrip("/") if at else None


def _split_address(text: str) -> tuple[str, str | None]:
    """Take the id and revision out of a page's address on the Hub (or on the mirror in ``HF_ENDPOINT``)."""
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
    except ValueError:
        raise InputError(f"{_shown(text)} is not an address: paste a model's page, or write owner/name.") from None
    own = urlsplit(constants.ENDPOINT)
    if parts.scheme == "hf":
        return _split_revision((parts.netloc + parts.path).removeprefix("models/").rstrip("/"))
    if parts.scheme not in ("http", "https") or (parts.netloc.lower() not in _HOSTS and parts.netloc != own.netloc):
        raise InputError(
            f"{_shown(text)} is not an address on the Hub: paste a model's page there, or write owner/name."
        )
    names = [
        name for name in parts.path.removeprefix(own.path if parts.netloc == own.netloc else "").split("/") if name
    ]
    if names and names[0] in _OTHER_KINDS:
        raise InputError(f"{_shown(text)} is a {_OTHER_KINDS[names[0]]}, not a model: paste the page of a model.")
    page = next((place for place, name in enumerate(names[:3]) if place > 0 and name in _PAGES), None)
    if page is None:
        return "/".join(names), None
    revision = names[page + 1] if len(names) > page + 1 and names[page] != "discussions" else None
    if revision == "refs":  # refs/pr/3 is the one revision that is written with slashes in an address
        revision = "/".join(names[page + 1 : page + 4])
    return "/".join(names[:page]), unquote(revision) if revision else None


def _shown(text: str) -> str:
    return repr(text if len(text) <= 100 else text[:97] + "...")
