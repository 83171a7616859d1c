"""The packed text of a study, kept in its folder: tokenized by one process, once, and read by all from one file.

TinyStories with the GPT-2 vocabulary is 470 million tokens: long to tokenize, and .9 GB. Blocks are written as they
are made, so that a text need not fit into memory, and the file is mapped, so that the processes of a machine share it
and none holds it. A later start tokenizes nothing, but reads the text through: by its hash it is known to be the same.
"""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock
from torch import Tensor

from nc_hf.corpus.blocks import TokenBlocks, fingerprint
from nc_hf.corpus.corpus import Corpus
from nc_hf.corpus.marks import NO_MARKS, Marks
from nc_hf.corpus.stores import OnDisk, Store
from nc_hf.corpus.tokens import tokenizer_hash, vocabulary_size
from nc_hf.errors import FileError, StudyError
from nc_hf.runtime.container import load_container, save_container
from nc_hf.runtime.files import write_text
from nc_hf.runtime.strict_json import parse_json
from nc_hf.runtime.tensors import load_tensors
from nc_hf.study.grid import Study
from nc_hf.study.ledger import holding, read_json

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

KIND = "nc_hf.blocks"
VERSION = 2  # the first was no container, and had hashes of its parts
_PARTS = ("input_ids", "document_ids", "context")
"""What a file may hold of blocks; ``document_ids``, of which a study makes no use, older versions kept too."""

NOTED = "text.json"
"""Name of the file that says what a text is known by."""

LOCK = ".lock"
"""Held while something of the text is written."""


@dataclass(frozen=True)
class Packing:
    """How a text is cut into blocks, as `nc_hf.corpus.corpus.Corpus.pack` takes it.

    Attributes:
        block_size: tokens a block.
        packing: "documents" or "paper".
        max_tokens: the most positions to keep; None keeps all, and reads the whole text.
    """

    block_size: int
    packing: str
    max_tokens: int | None

    def pack(self, corpus: Corpus, tokenizer: PreTrainedTokenizerBase, store: Store | None = None) -> TokenBlocks:
        """Tokenize a text and cut it, into memory unless there is a store."""
        return corpus.pack(tokenizer, **asdict(self), store=store)


def keep_packed(
    folder: Path, role: str, corpus: Corpus, tokenizer: PreTrainedTokenizerBase, packing: Packing
) -> TokenBlocks:
    """Return the blocks of a text from the study's folder, where the first process to come puts them.

    A file that is damaged is made anew, and so is one of another text, unless the study was begun with that.

    Args:
        folder: of the text.
        role: what the study does with the text, ``train``, ``validation`` or ``other``.
        corpus: the text.
        tokenizer: of the study.
        packing: how the text is cut.

    Returns:
        Blocks whose tensors are mapped from the file: to be read, not written.

    Raises:
        StudyError: the text or its tokenizer is not the one that the study was begun with.
        CorpusError, TokenizerError: as `nc_hf.corpus.corpus.Corpus.pack`.
    """
    path, begun_with = folder / f"{role}.safetensors", _noted(folder, role)
    while True:
        with FileLock(folder / LOCK):
            if not path.exists():
                return _write(path, corpus, tokenizer, packing, begun_with)
            written = path.stat().st_mtime_ns
        kept = _map_whole(path)
        if kept is not None:
            blocks, origin = kept
            read = corpus.texts if packing.max_tokens is None else islice(corpus.texts, origin["documents"])
            if origin == _origin(_Hashed(read).read_through(), tokenizer, packing):
                return blocks
            if blocks.fingerprint == begun_with:
                raise _other_text(folder)
        with FileLock(folder / LOCK):
            if path.exists() and path.stat().st_mtime_ns == written:  # else another process has made it anew
                path.unlink()


def note_texts(folder: Path, study: Study, blocks: dict[str, TokenBlocks]) -> None:
    """Note what the parts of a text are, by their roles, or refuse others than were noted.

    Args:
        folder: of the text, in the folder ``texts`` of the study.
        study: whose text it is.
        blocks: the parts.

    Raises:
        StudyError: the study was begun with others, or the folder has meanwhile been given to another study.
    """
    found = {role: {"blocks": len(part), "fingerprint": part.fingerprint} for role, part in blocks.items()}
    path = folder / NOTED
    with FileLock(folder / LOCK), holding(folder.parent.parent, study):
        if not path.exists():
            write_text(path, json.dumps(found, indent=1) + "\n")
    if read_json(path) != found:
        raise _other_text(folder)


def _noted(folder: Path, role: str) -> str | None:
    """Return the fingerprint of the text that the study was begun with; None before it was."""
    path = folder / NOTED
    noted = read_json(path) if path.exists() else {}
    if not isinstance(noted, dict) or (noted and not isinstance(noted.get(role), dict)):
        raise _other_text(folder)
    return str(noted[role].get("fingerprint")) if noted else None


def _other_text(folder: Path) -> StudyError:
    """Say that the text is another one than the study's."""
    return StudyError(
        f"the text is not the one that {folder} was begun with: give the same corpus and tokenizer, or another "
        "--output."
    )


def _write(
    path: Path, corpus: Corpus, tokenizer: PreTrainedTokenizerBase, packing: Packing, begun_with: str | None
) -> TokenBlocks:
    for half in path.parent.glob(f".{path.name}.*"):  # of a process that was killed as it wrote
        half.unlink()
    texts = _Hashed(corpus.texts)
    store = OnDisk(path.parent, vocabulary_size(tokenizer))
    blocks = packing.pack(replace(corpus, texts=texts), tokenizer, store)
    if begun_with not in (None, blocks.fingerprint):
        raise _other_text(path.parent)
    made: dict[str, Any] = {
        "blocks": {
            name: asdict(value) if isinstance(value, Marks) else value
            for name, value in vars(blocks).items()
            if not isinstance(value, Tensor) and name not in _PARTS
        },
        "origin": _origin(texts, tokenizer, packing),
    }
    tensors = {name: value for name, value in vars(blocks).items() if isinstance(value, Tensor)}
    save_container(path, KIND, VERSION, tensors, {"made": json.dumps(made, sort_keys=True)})
    return _blocks(*load_container(path, KIND, VERSION))[0]


def _map_whole(path: Path) -> tuple[TokenBlocks, dict[str, Any]] | None:
    """Return the blocks of a file and what they were made from; None if it was edited or cut short."""
    try:
        blocks, made = _blocks(*load_container(path, KIND, VERSION))
        return blocks, made["origin"]
    except (FileError, KeyError, TypeError, ValueError):
        return _map_first_version(path)


def _map_first_version(path: Path) -> tuple[TokenBlocks, dict[str, Any]] | None:
    """Do the same for a file of the first version."""
    try:
        tensors, metadata = load_tensors(path, KIND)
        blocks, made = _blocks(tensors, metadata)
        return (blocks, made["origin"]) if made["hashes"] == _hashes(tensors, blocks) else None
    except (FileError, KeyError, TypeError, ValueError):
        return None


def _blocks(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> tuple[TokenBlocks, dict[str, Any]]:
    """Make blocks of what a file holds, and tell how they were made."""
    made: dict[str, Any] = parse_json(metadata["made"])
    rest: dict[str, Any] = made["blocks"]
    marks = rest.pop("marks", None)  # not there in a file of an older version, which put none around documents
    known = NO_MARKS if marks is None else Marks(tuple(marks["begin"]), tuple(marks["end"]), marks["note"])
    return TokenBlocks(tensors["input_ids"], None, **rest, marks=known, context=tensors.get("context")), made


def _hashes(tensors: Mapping[str, Tensor], blocks: TokenBlocks) -> list[str]:
    parts = [tensors[name] for name in _PARTS if name in tensors]
    rows = [part[:, None] if part.ndim == 1 else part for part in parts]
    return [fingerprint(part, blocks.packing, blocks.tokenizer_hash) for part in rows]


def _origin(texts: _Hashed, tokenizer: PreTrainedTokenizerBase, packing: Packing) -> dict[str, Any]:
    """Describe what blocks depend on, once the texts are read."""
    belongs = {"tokenizer": tokenizer_hash(tokenizer), "eos": tokenizer.eos_token_id}
    return {**asdict(packing), **belongs, "documents": texts.count, "texts": texts.hexdigest()}


class _Hashed:
    """Texts that are counted and hashed as they are read."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._texts = texts
        self._digest = hashlib.sha256()
        self.count = 0

    def __iter__(self) -> Iterator[str]:
        for text in self._texts:
            encoded = text.encode("utf-8", "surrogatepass")
            self._digest.update(len(encoded).to_bytes(8, "little") + encoded)
            self.count += 1
            yield text

    def read_through(self) -> _Hashed:
        """Read all that is left."""
        deque(self, maxlen=0)
        return self

    def hexdigest(self) -> str:
        """Tell the hash of what was read."""
        return self._digest.hexdigest()
