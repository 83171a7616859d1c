"""The branches and tags of a repository, in the order of training."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from huggingface_hub import HfApi

from nc_hf.errors import HubError, InputError
from nc_hf.hub.faults import hub_faults
from nc_hf.hub.reference import parse_reference
from nc_hf.hub.steps import counted

# A number with k or m behind it, then one without, which has no decimals (v1.10 follows v1.9), then words.
_PART = re.compile(r"(\d+(?:\.\d+)?)([km])(?![a-z0-9])|(\d+)|(\D+)", re.IGNORECASE)


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
    if every < 1:
        raise InputError(f"Every {every}-th revision cannot be meant: use a number of 1 or more.")
    name = parse_reference(reference).id
    with hub_faults(name, token=token):
        refs = HfApi(token=token).list_repo_refs(name)
    commits = {ref.name: ref.target_commit for ref in (*refs.tags, *refs.branches)}
    chosen = _choose(name, sorted(commits, key=_training_order), select)
    return [Revision(revision, commits[revision]) for revision in chosen[::every]]


def _choose(name: str, known: list[str], select: str | Sequence[str]) -> list[str]:
    if isinstance(select, str) and select != "all" and "," not in select:
        chosen = [revision for revision in known if fnmatchcase(revision, select)]
        if not chosen:
            raise HubError(
                f"No branch or tag of {name} matches {select!r}: it has {_shown(known)}; change the pattern."
            )
        return chosen
    if select == "all":
        return known
    named = [part.strip() for part in select.split(",") if part.strip()] if isinstance(select, str) else list(select)
    missing = [revision for revision in named if revision not in known]
    if missing or not named:
        raise HubError(f"{name} has no revision {_shown(missing)}: choose among {_shown(known)}.")
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
