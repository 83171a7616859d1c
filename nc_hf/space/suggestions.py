"""Models of the Hub whose names begin to look like what a visitor types, and the revisions of one."""

from __future__ import annotations

from functools import lru_cache
from time import monotonic

from huggingface_hub import HfApi

from nc_hf.errors import NCError
from nc_hf.hub import list_revisions, parse_reference
from nc_hf.hub.faults import hub_faults

LIMIT = 8
_SHORTEST = 2
_REMEMBERED_SECONDS = 300


def suggest_models(text: str) -> list[str]:
    """Return up to eight public models for what was typed; nothing while the Hub is out of reach."""
    text = text.strip().partition("@")[0]
    if not _SHORTEST <= len(text) <= 96 or "://" in text:
        return []
    try:
        return list(_search(text.lower(), int(monotonic() // _REMEMBERED_SECONDS)))
    except NCError:  # a suggestion is a convenience: what is wrong is said when the model is measured
        return []


def suggest_revisions(model: str) -> list[str]:
    """Return the branches and tags of a public model in the order of training; nothing where the Hub gives none.

    A model with hundreds of checkpoints gives all of them.
    """
    try:
        name = parse_reference(model).id
        return [revision.name for revision in list_revisions(name, token=False)]
    except NCError:
        return []


@lru_cache(maxsize=512)
def _search(text: str, period: int) -> tuple[str, ...]:
    """Ask the Hub; causal language models first, since others cannot be measured."""
    del period  # lets the answer grow old
    with hub_faults(text, token=False):
        found = HfApi(token=False).list_models(search=text, limit=3 * LIMIT, sort="downloads")
        ids = [model.id for model in found if model.pipeline_tag in (None, "text-generation")]
    return tuple(ids[:LIMIT])
