"""A digest within a JSON document, of all the rest of it: whoever reads it knows that nothing was changed since.

It tells of damage and of edits. It is no signature: whoever wants to deceive can make another.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

SEAL = "seal"


class BrokenSealError(ValueError):
    """A document that is not what was sealed."""

    def __init__(self) -> None:
        """Say so, as a phrase."""
        super().__init__("its content is not that of its seal, so it was edited or damaged")


def sealed(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a document with its seal.

    >>> sealed({"loss": 1.5})
    {'loss': 1.5, 'seal': 'sha256:73098c9699816c5c80b7faf8ed67045863445467c56dfd04ddcd0dcb4ccb6e7a'}
    """
    return {**document, SEAL: _seal_of(document)}


def opened(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a document without its seal; one that has none, as older ones, is taken as it is.

    Raises:
        BrokenSealError: the content is not what was sealed.
    """
    rest = {name: entry for name, entry in document.items() if name != SEAL}
    if SEAL in document and document[SEAL] != _seal_of(rest):
        raise BrokenSealError
    return rest


def _seal_of(document: Mapping[str, Any]) -> str:
    text = json.dumps(_plain(document), sort_keys=True, separators=(",", ":"))
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _plain(value: Any) -> Any:
    """Write whole numbers in one way: other programs that lay a file out anew make 1 of 1.0."""
    if isinstance(value, Mapping):
        return {name: _plain(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
