"""The text of a cell: its tokenizer, its training and its validation blocks, the very same at every start."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from accelerate.state import PartialState
from filelock import FileLock

from nc_hf.corpus.blocks import TokenBlocks
from nc_hf.corpus.classes import ClassChoice, choose_classes
from nc_hf.corpus.corpus import Corpus, open_corpus
from nc_hf.corpus.stories import END_OF_TEXT, builtin_tokenizer, train_tokenizer
from nc_hf.corpus.tokens import vocabulary_size
from nc_hf.errors import StudyError
from nc_hf.hub import open_tokenizer
from nc_hf.runtime.files import write_text
from nc_hf.study.cell import Cell
from nc_hf.study.grid import Study
from nc_hf.study.ledger import TEXTS
from nc_hf.study.packed import LOCK, Packing, keep_packed, note_texts

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

TOKENIZER = "tokenizer.json"


@dataclass(frozen=True)
class StudyText:
    """The text of a cell, as blocks of token ids.

    Attributes:
        train: (B, L) what is trained on.
        validation: (B', L) what the loss and NC4 are measured on.
        vocab_size: entries of the tokenizer.
        measured: the part of ``train`` that NC1-NC3 are measured on.
        classes: that count, by their share of ``train``.
        other: (B'', L) validation part of the second corpus; None if there is none.
    """

    train: TokenBlocks
    validation: TokenBlocks
    vocab_size: int
    measured: TokenBlocks
    classes: ClassChoice
    other: TokenBlocks | None = None


def open_text(study: Study, cell: Cell, folder: str | Path | None = None) -> StudyText:
    """Tokenize and pack the texts of a cell.

    Args:
        study: says how much of them is measured on.
        cell: names the corpora, the tokenizer and the packing.
        folder: of the study; the blocks are kept there, with a tokenizer that is trained, and another text is refused.
            None keeps nothing.

    Raises:
        StudyError: the text is not divided into training and validation, has less than a block for each process or too
            few classes to measure, or is not the one that the folder's cells had.
        CorpusError, TokenizerError, HubError: the corpus or the tokenizer cannot be read.
    """
    own = None if folder is None else Path(folder) / TEXTS / cell.text_key
    corpora = _corpora(cell)
    tokenizer = _open_tokenizer(cell, corpora["train"].texts, own)
    bounds = {"train": cell.max_train_tokens}
    blocks = {
        role: _pack(cell, role, corpus, tokenizer, bounds.get(role, study.max_validation_tokens), own)
        for role, corpus in corpora.items()
    }
    measured = _measured(study, blocks["train"])
    choice = choose_classes(study.classes, blocks["train"].token_counts(), tokenizer)
    for part in (measured, *(each for role, each in blocks.items() if role != "train")):
        _check_classes(choice, part)
    found = (len(blocks["train"]), len(blocks["validation"]))
    if study.expected_blocks not in (None, found):
        warnings.warn(f"the corpus gives {found} blocks, not {study.expected_blocks} as expected.", stacklevel=2)
    if own is not None:
        note_texts(own, study, blocks)
    size = vocabulary_size(tokenizer)
    return StudyText(blocks["train"], blocks["validation"], size, measured, choice, blocks.get("other"))


def _corpora(cell: Cell) -> dict[str, Corpus]:
    """Open the corpora of a cell by their roles."""
    corpora = {"train": open_corpus(cell.corpus, "train")}
    corpora["validation"] = open_corpus(cell.validation_corpus or cell.corpus, "validation")
    if cell.validation_corpus in (None, cell.corpus) and corpora["train"].split == corpora["validation"].split:
        raise StudyError(
            f"{cell.corpus} is not divided, and a model is not validated on what it was trained on: give a folder "
            "with a train and a validation file, a data set with those splits, or a validation_corpus."
        )
    if cell.measure_also is not None:
        corpora["other"] = open_corpus(cell.measure_also, "validation")
    return corpora


def _pack(
    cell: Cell, role: str, corpus: Corpus, tokenizer: Any, max_tokens: int | None, folder: Path | None
) -> TokenBlocks:
    packing = Packing(cell.block_size, cell.packing, max_tokens)
    blocks = (
        packing.pack(corpus, tokenizer) if folder is None else keep_packed(folder, role, corpus, tokenizer, packing)
    )
    processes = PartialState().num_processes
    if len(blocks) < processes:
        raise StudyError(
            f"the {corpus.split} text of {corpus.name} gives {len(blocks)} blocks of {cell.block_size} tokens for "
            f"{processes} processes: give more text, a smaller block_size, or fewer processes."
        )
    return blocks


def _measured(study: Study, train: TokenBlocks) -> TokenBlocks:
    if study.measure_train_tokens is None:
        return train
    rows = max(1, study.measure_train_tokens // train.block_size)
    return train.rows(slice(rows))


def _check_classes(choice: ClassChoice, blocks: TokenBlocks) -> None:
    """Refuse a text on which no metric could be computed, before a model is trained for it."""
    seen = (blocks.token_counts(first=1) >= 2).nonzero().flatten()
    usable = len(seen) if choice.ids is None else int(torch.isin(choice.ids, seen).sum())
    if usable < 2:
        raise StudyError(
            f"{usable} of the next tokens that count come up twice in the {blocks.split} text of {blocks.source} to "
            "measure on, and collapse takes two: give more text or other classes."
        )


def _open_tokenizer(cell: Cell, texts: Iterable[str], folder: Path | None) -> Any:
    if cell.tokenizer == "builtin":
        return builtin_tokenizer(cell.vocab_size)
    if cell.tokenizer != "train":
        return open_tokenizer(cell.tokenizer, allow_local=True)
    if folder is None:
        return train_tokenizer(texts, cell.vocab_size)
    path = folder / TOKENIZER
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / LOCK):  # the first process trains it, and all read the same file
        if not path.exists():
            write_text(path, train_tokenizer(texts, cell.vocab_size).backend_tokenizer.to_str())
    return _read_tokenizer(path)


def _read_tokenizer(path: Path) -> PreTrainedTokenizerFast:
    from transformers import PreTrainedTokenizerFast

    try:
        return PreTrainedTokenizerFast(
            tokenizer_file=str(path), bos_token=END_OF_TEXT, eos_token=END_OF_TEXT, pad_token=END_OF_TEXT
        )
    except Exception as error:  # tokenizers raises Exception itself
        raise StudyError(f"{path} was edited or cut short: put it back, or give another --output.") from error
