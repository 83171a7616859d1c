"""Texts to tokens, a long one piece by piece, so that no more is tokenized than is needed."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nc_hf.errors import CorpusError
from nc_hf.hub.encoding import encoded

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

PIECE = 1 << 16
"""Characters of a text that are tokenized at once: a longer one is cut."""

_TEXTS, _CHARACTERS = 256, 1 << 18  # of a group
_MARGIN = 256  # characters on each side of a cut that are looked at
_TRIES = 32
_BLANK = re.compile(r"(?<=\S)\s(?=\S)")


@dataclass(frozen=True)
class Tokens:
    """Tokens of a document, or of a piece of a long one.

    Attributes:
        document: its number.
        ids: of its tokens, without any that a tokenizer puts around it.
        first, last: whether the document begins and ends with this piece.
    """

    document: int
    ids: list[int]
    first: bool
    last: bool


@dataclass(frozen=True)
class _Piece:
    document: int
    before: str  # characters before the piece that are tokenized with it, and their tokens left out
    text: str
    first: bool
    last: bool


def tokenise(documents: Iterable[tuple[int, str]], tokenizer: PreTrainedTokenizerBase) -> Iterator[list[Tokens]]:
    """Tokenise documents, without special tokens around them, in groups of some hundred thousand characters.

    A document longer than ``PIECE`` characters is cut at blanks where a tokenizer parts tokens anyway: what stands
    before a cut must have the same tokens with and without what follows. Where no such place is found among many, it
    is not cut there. So the tokens are those of the whole text for every tokenizer whose tokens depend on no more than
    ``_MARGIN`` characters around them, as those that part texts into words first.

    Args:
        documents: (number, text), read only as far as the groups are asked for.
        tokenizer: to use.

    Yields:
        The tokens of a group, in order.

    Raises:
        CorpusError: something is not Unicode text.
        TokenizerError: the tokenizer breaks down, or takes more than the cage allows.
    """
    group: list[_Piece] = []
    characters = 0
    for number, text in documents:
        for piece in _pieces(number, text, tokenizer):
            group.append(piece)
            characters += len(piece.text)
            if len(group) == _TEXTS or characters >= _CHARACTERS:
                yield _tokens_of(group, tokenizer)
                group, characters = [], 0
    if group:
        yield _tokens_of(group, tokenizer)


def token_ids(texts: list[str], tokenizer: PreTrainedTokenizerBase) -> list[list[int]]:
    """Tokenise some texts, without special tokens around them.

    Raises:
        CorpusError, TokenizerError: as `tokenise`.
    """
    return encoded(tokenizer, texts)


def tokenizer_hash(tokenizer: PreTrainedTokenizerBase) -> str:
    """Identify what a tokenizer does to a text: sha256 of its own description, in hexadecimal.

    A fast tokenizer is described by its ``tokenizer.json``, save truncation and padding, which a call may change;
    another one by its class, vocabulary and special tokens.
    """
    if tokenizer.is_fast:
        description = json.loads(tokenizer.backend_tokenizer.to_str())
        description.update(truncation=None, padding=None)
    else:
        description = [type(tokenizer).__name__, tokenizer.get_vocab(), [str(t) for t in tokenizer.all_special_tokens]]
    return hashlib.sha256(json.dumps(description, sort_keys=True).encode()).hexdigest()


def vocabulary_size(tokenizer: PreTrainedTokenizerBase) -> int:
    """Count the ids up to the highest: there may be gaps among them."""
    vocabulary: dict[str, int] = tokenizer.get_vocab()
    return max(len(tokenizer), 1 + max(vocabulary.values()))


def checked(text: object) -> str:
    """Return a text as it is.

    Raises:
        CorpusError: it is none.
    """
    if not isinstance(text, str):
        raise _not_text()
    return text


def _not_text() -> CorpusError:
    return CorpusError("The corpus holds something that is not Unicode text: clean or drop that row.")


def _pieces(number: int, text: str, tokenizer: PreTrainedTokenizerBase) -> Iterator[_Piece]:
    begin = 0
    while True:
        end = _cut(text, begin, tokenizer)
        yield _Piece(number, text[max(0, begin - _MARGIN) : begin], text[begin:end], begin == 0, end == len(text))
        if end == len(text):
            return
        begin = end


def _cut(text: str, begin: int, tokenizer: PreTrainedTokenizerBase) -> int:
    """Return where a piece from ``begin`` on may end: within ``PIECE`` characters, or later where no place is safe."""
    wanted = begin + PIECE
    while wanted < len(text):
        # A blank is where most tokenizers part words; a text without any is tried everywhere.
        blanks = [found.start() for found in _BLANK.finditer(text, wanted - PIECE // 2, wanted)]
        for at in reversed(blanks[-_TRIES:] or range(wanted - _TRIES, wanted)):
            left, both = text[max(0, at - _MARGIN) : at], text[max(0, at - _MARGIN) : at + _MARGIN]
            alone, together = token_ids([left, both], tokenizer)
            if together[: len(alone)] == alone:
                return at
        wanted += PIECE
    return len(text)


def _tokens_of(group: list[_Piece], tokenizer: PreTrainedTokenizerBase) -> list[Tokens]:
    margins = [piece.before for piece in group if piece.before]
    found = token_ids([piece.before + piece.text for piece in group] + margins, tokenizer)
    skipped = map(len, found[len(group) :])
    return [
        Tokens(piece.document, ids[next(skipped) :] if piece.before else ids, piece.first, piece.last)
        for piece, ids in zip(group, found, strict=False)
    ]
