"""The name of a corpus, read before anything is opened."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from nc_hf.corpus.files import TEXT_COLUMN
from nc_hf.errors import CorpusError

TINYSTORIES = "roneneldan/TinyStories"


# An id on the Hub: never a step upwards, never absolute, never one of the loaders that `datasets` brings ("json").
_DATASET_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)


@dataclass(frozen=True)
class CorpusSpec:
    """What the name of a corpus asks for, before anything is opened.

    Attributes:
        kind: where the text comes from; only "path" reads a file that the name chooses.
        path: of kind "path".
        dataset: of kind "hub": owner/name.
        config: of kind "hub": the configuration, None for the default.
        split: of kind "hub": the split, if the name says which; it goes before the caller's.
        column: of kind "hub": the column with the text.
    """

    kind: Literal["builtin", "hub", "path"]
    path: Path | None = None
    dataset: str | None = None
    config: str | None = None
    split: str | None = None
    column: str = TEXT_COLUMN

    @classmethod
    def parse(cls, spec: str) -> CorpusSpec:
        """Read the name of a corpus; nothing is opened.

        >>> CorpusSpec.parse("hub:owner/name::test").split
        'test'
        >>> CorpusSpec.parse("stories.txt").kind
        'path'

        Raises:
            CorpusError: if it cannot be the name of a corpus.
        """
        if spec == "builtin":
            return cls("builtin")
        if spec == "tinystories":
            return cls("hub", dataset=TINYSTORIES)
        if not spec.startswith("hub:"):
            if not spec.strip() or "\0" in spec:
                raise CorpusError("A corpus needs a name: pass builtin, tinystories, hub:OWNER/NAME or a path.")
            try:
                return cls("path", path=Path(spec).expanduser())
            except RuntimeError:
                raise CorpusError(f"There is no user's folder {spec!r}: name a file or folder that exists.") from None
        dataset, *rest = spec.removeprefix("hub:").split(":")
        if not _DATASET_ID.fullmatch(dataset) or len(dataset) > 96 or ".." in dataset or len(rest) > 3:
            raise CorpusError(f"{spec!r} names no data set of the Hub: write hub:OWNER/NAME[:config][:split][:column].")
        config, split, column = (*rest, *[""] * (3 - len(rest)))
        return cls("hub", None, dataset, config or None, split or None, column or TEXT_COLUMN)
