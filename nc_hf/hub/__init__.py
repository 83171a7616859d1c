"""What may be read from the Hub and how: references, checks before the download, loading, revisions.

Safetensors only, no code of a repository, the commit pinned, the size known before the download. An adapter of PEFT is
looked up with its base, and merged into it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nc_hf.runtime.lazy import lazy_names

if TYPE_CHECKING:
    from nc_hf.hub.loading import download as download
    from nc_hf.hub.loading import load_model as load_model
    from nc_hf.hub.reference import Reference as Reference
    from nc_hf.hub.reference import parse_reference as parse_reference
    from nc_hf.hub.revisions import Revision as Revision
    from nc_hf.hub.revisions import list_checkpoints as list_checkpoints
    from nc_hf.hub.revisions import list_revisions as list_revisions
    from nc_hf.hub.source import ModelSource as ModelSource
    from nc_hf.hub.source import resolve as resolve
    from nc_hf.hub.tokenizer import check_tokenizer as check_tokenizer
    from nc_hf.hub.tokenizer import load_tokenizer as load_tokenizer
    from nc_hf.hub.tokenizer import open_tokenizer as open_tokenizer

__all__, __getattr__, __dir__ = lazy_names(
    __name__,
    {
        "loading": (
            "download",
            "load_model",
        ),
        "reference": (
            "Reference",
            "parse_reference",
        ),
        "revisions": (
            "Revision",
            "list_checkpoints",
            "list_revisions",
        ),
        "source": (
            "ModelSource",
            "resolve",
        ),
        "tokenizer": (
            "check_tokenizer",
            "load_tokenizer",
            "open_tokenizer",
        ),
    },
)
