"""The saved states of a model in the order of training: branches and tags of a repository, checkpoints in a folder."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from huggingface_hub import HfApi

from nc_hf.errors import HubError, InputError, NCError
from nc_hf.hub.faults import hub_faults
from nc_hf.hub.reference import parse_reference
from nc_hf.hub.steps import counted

# A number with k or m behind it, then one without, which has no decimals (v1.10 follows v1.9), then words.
_PART = re.compile(r"(\d+(?:\.\d+)?)([km])(?![a-z0-9])|(\d+)|(\D+)", re.IGNORECASE)
_CHECKPOINT = re.compile(r"checkpoint-\d+", re.ASCII)


@dataclass(frozen=True)
class Revision:
    """A branch or tag and the commit it points to."""

    name: str
    commit: str


def list_revisions(
    reference: str, select: str | Sequence[str] = "all", *, every: int = 1, token: str | bool | None = None
) -> list[Revision]:
    """List branches and tags of a model in the order of their numbers (``step512`` before ``step1000`` and ``step2k``).

    ``main`` and ``master``, where training ended, come last.

    Args:
        reference: Hub id or a page's address.
        select: ``"all"``; a glob such as ``"step*"``; or names, as a sequence or with commas between, in this order.
        every: keep the first of what is selected and every n-th after it.
        token: the reader's own token; default: the one the client finds; False for none.

    Raises:
        InputError: if ``every`` is less than 1 or the reference is not one.
        HubError: if the Hub does not give the list, a name is not on it, or nothing matches.
    """
    _check_every(every)
    name = parse_reference(reference).id
    with hub_faults(name, token=token):
        refs = HfApi(token=token).list_repo_refs(name)
    commits = {ref.name: ref.target_commit for ref in (*refs.tags, *refs.branches)}
    chosen = _choose(name, sorted(commits, key=_training_order), select)
    return [Revision(revision, commits[revision]) for revision in chosen[::every]]


def list_checkpoints(name: str, folder: Path, select: str | Sequence[str] = "all", *, every: int = 1) -> list[str]:
    """List the sub-folders ``checkpoint-N`` that a Trainer wrote, in the order of N.

    Args:
        name: of the folder, for the message.
        folder: the Trainer's ``output_dir``.
        select: as for `list_revisions`.
        every: keep the first of what is selected and every n-th after it.

    Raises:
        InputError: if ``every`` is less than 1, there is no checkpoint, a name is none, or nothing matches.
    """
    _check_every(every)
    found = [path.name for path in folder.iterdir() if _CHECKPOINT.fullmatch(path.name) and path.is_dir()]
    if not found:
        raise InputError(
            f"There is no checkpoint-N in {name}: name the output folder of a Trainer, or a repository of the Hub."
        )
    return _choose(name, sorted(found, key=_training_order), select, InputError)[::every]


def _check_every(every: int) -> None:
    if every < 1:
        raise InputError(f"Every {every}-th revision cannot be meant: use a number of 1 or more.")


def _choose(name: str, known: list[str], select: str | Sequence[str], kind: type[NCError] = HubError) -> list[str]:
    """Choose among the states that there are; an error of ``kind`` says why it cannot be done."""
    one, all_of = ("branch or tag", "revision") if kind is HubError else ("checkpoint", "checkpoint")
    if isinstance(select, str) and select != "all" and "," not in select:
        chosen = [revision for revision in known if fnmatchcase(revision, select)]
        if not chosen:
            raise kind(f"No {one} of {name} matches {select!r}: it has {_shown(known)}; change the pattern.")
        return chosen
    if select == "all":
        return known
    named = [part.strip() for part in select.split(",") if part.strip()] if isinstance(select, str) else list(select)
    missing = [revision for revision in named if revision not in known]
    if missing or not named:
        raise kind(f"{name} has no {all_of} {_shown(missing)}: choose among {_shown(known)}.")
    return named


def _training_order(name: str) -> tuple[bool, list[tuple[int, str]]]:
    """Sort key: numbers by value, k and m multiplied out, words by letters, the final state last.

    >>> sorted(["main", "step1000", "step2k", "step512", "step0"], key=_training_order)
    ['step0', 'step512', 'step1000', 'step2k', 'main']
    """
    parts = (part.groups("") for part in _PART.finditer(name))
    return name in ("main", "master"), [
        (-1, word) if word else (counted(large or number, suffix), "") for large, suffix, number, word in parts
    ]


def _shown(names: Sequence[str]) -> str:
    """Name the first few."""
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
