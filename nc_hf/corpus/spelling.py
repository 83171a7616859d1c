"""How the tokens of a text spell it: their bytes, and how many spell no whole character."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import Any

from nc_hf.corpus.vocabulary import raw_text

_PIECE_OF_A_CHARACTER = re.compile(r"<0x[0-9A-F]{2}>")
_BYTE_PIECE = re.compile(r"<0x[0-9A-Fa-f]{2}>")
_BLANK = "▁"


def byte_count(tokenizer: Any, counts: Iterable[tuple[int, int]]) -> int | None:
    """Count the bytes of text, in UTF-8, that tokens spell.

    Special tokens spell nothing. A blank that the tokenizer puts before a text counts as if the text had it.

    Args:
        tokenizer: to which the ids belong.
        counts: token ids, each with its number.

    Returns:
        None where a token's bytes are not known: an unknown token, an id without text, or a tokenizer that is neither
        byte-level nor of SentencePiece's kind.
    """
    length_of = _byte_level if _is_byte_level(tokenizer) else _sentence_piece if _has_blanks(tokenizer) else None
    if length_of is None:
        return None
    unknown, special = _unknown_id(tokenizer), set(tokenizer.all_special_ids)
    total = 0
    for token_id, count in counts:
        if token_id in special and token_id != unknown:
            continue
        piece = tokenizer.convert_ids_to_tokens(token_id)
        if not isinstance(piece, str) or token_id == unknown:
            return None
        total += count * length_of(piece)
    return total


def fragment_share(tokenizer: Any, counts: Iterable[tuple[int, int]]) -> float:
    """Return the share of tokens that spell no whole character, or are unknown to the tokenizer.

    Args:
        tokenizer: to which the ids belong.
        counts: token ids, each with its number; one at the least.
    """
    unknown = _unknown_id(tokenizer)
    total = fragments = 0
    for token_id, count in counts:
        text = raw_text(tokenizer, token_id)
        total += count
        if token_id == unknown or (text is not None and _PIECE_OF_A_CHARACTER.search(text)):
            fragments += count
    return fragments / total


def _unknown_id(tokenizer: Any) -> int | None:
    """Return the token for what the tokenizer cannot spell; None where it is but another name of a mark."""
    unknown = tokenizer.unk_token_id
    marks = (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id)
    return None if unknown is None or unknown in marks else int(unknown)


def _byte_level(piece: str) -> int:
    """A character stands for a byte; a token that was added to the vocabulary is written as it is."""
    return len(piece) if _byte_characters().issuperset(piece) else len(piece.encode())


@cache
def _byte_characters() -> frozenset[str]:
    """Return the characters of a byte-level vocabulary, one a byte."""
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    return frozenset(bytes_to_unicode().values())


def _sentence_piece(piece: str) -> int:
    return 1 if _BYTE_PIECE.fullmatch(piece) else len(piece.replace(_BLANK, " ").encode())


def _is_byte_level(tokenizer: Any) -> bool:
    return '"ByteLevel"' in _decoder(tokenizer)


def _has_blanks(tokenizer: Any) -> bool:
    """Whether ``▁`` stands for a blank: said by the decoder, or by a vocabulary of SentencePiece."""
    return _BLANK in _decoder(tokenizer) or hasattr(tokenizer, "sp_model")


def _decoder(tokenizer: Any) -> str:
    """Return what turns pieces into text as it stands in ``tokenizer.json``; nothing for one that has no such file."""
    decoder = tokenizer.backend_tokenizer.decoder if tokenizer.is_fast else None
    return "" if decoder is None else str(decoder.__getstate__().decode())
