"""The name of a corpus, read before anything is opened."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from nc_hf.corpus.columns import TEXT_COLUMN
from nc_hf.errors import CorpusError

TINYSTORIES = "roneneldan/TinyStories"


# An id on the Hub: never a step upwards, never absolute, never one of the loaders that `datasets` brings ("json").
_DATASET_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)


@dataclass(frozen=True)
class CorpusSpec:
    """What the name of a corpus asks for, before anything is opened.

    Attributes:
        kind: where the text comes from; only "path" reads a file that the name chooses.
        path: of kind "path": a file, a folder, or a pattern for files of a folder.
        dataset: of kind "hub": owner/name.
        config: of kind "hub": the configuration, None for the default.
        split: the split, if the name says which; it goes before the caller's.
        column: the one with the text; dots lead into objects, as in ``doc.text``.
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
        >>> CorpusSpec.parse("file:stories.csv::story").column
        'story'

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
            return cls._of_path(spec)
        dataset, *rest = spec.removeprefix("hub:").split(":")
        if not _DATASET_ID.fullmatch(dataset) or len(dataset) > 96 or ".." in dataset or len(rest) > 3:
            raise CorpusError(f"{spec!r} names no data set of the Hub: write hub:OWNER/NAME[:config][:split][:column].")
        config, split, column = (*rest, *[""] * (3 - len(rest)))
        return cls("hub", None, dataset, config or None, split or None, column or TEXT_COLUMN)

    @classmethod
    def _of_path(cls, spec: str) -> CorpusSpec:
        """Read a path, or ``file:PATH[:split:column]``: without the prefix every colon belongs to the path."""
        name, split, column = spec.removeprefix("file:"), "", ""
        if name != spec and name.count(":") > 1:  # one colon is a drive's, as in file:C:\\stories.txt
            name, split, column = name.rsplit(":", 2)
        if not name.strip():
            raise CorpusError(f"{spec!r} names no file: write file:PATH[:split:column], where both may be empty.")
        try:
            path = Path(name).expanduser()
        except RuntimeError:
            raise CorpusError(f"There is no user's folder {spec!r}: name a file or folder that exists.") from None
        return cls("path", path, split=split or None, column=column or TEXT_COLUMN)
