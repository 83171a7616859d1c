"""What a token spells, fit to be shown, and which kind of token it is."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from typing import Any

from nc_hf.hub.encoding import spelled

CATEGORIES = ("word start", "word continuation", "number", "punctuation", "special")
"""Kinds of tokens: letters after a blank, other letters, digits, anything else that is text, and what is no text."""

_BLANK = "␣"
_ELLIPSIS = "…"
_LONGEST = 24
_LONGEST_QUOTE = 60
_BYTE = re.compile(r"<0x([0-9A-Fa-f]{2})>")
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def shown_text(tokenizer: Any, token_id: int) -> str:
    """Return a token's text as ``visible`` shows it; ``#17`` for an id that the tokenizer lacks, or without one."""
    text = None if tokenizer is None else raw_text(tokenizer, token_id)
    return f"#{token_id}" if text is None else visible(text)


def categories_of(tokenizer: Any, token_ids: Iterable[int]) -> dict[int, int]:
    """Return the place in ``CATEGORIES`` of each token id."""
    special = set(tokenizer.all_special_ids)
    return {
        token_id: CATEGORIES.index(_category(None if token_id in special else raw_text(tokenizer, token_id)))
        for token_id in token_ids
    }


def raw_text(tokenizer: Any, token_id: int) -> str | None:
    """Return what a token adds to a text, with the blank before a word; None for an id that the tokenizer lacks.

    Bytes that are no whole character are written as ``<0xE2>``.
    """
    piece = tokenizer.convert_ids_to_tokens(token_id)
    if not isinstance(piece, str):
        return None
    byte = _BYTE.fullmatch(piece)
    if byte:
        value = int(byte[1], 16)
        return chr(value) if value < 0x80 else piece
    if "▁" in piece:  # SentencePiece; decoding would drop the blank of a first word
        return piece.replace("▁", " ")
    text = spelled(tokenizer, token_id)
    return _bytes_of(piece) if _REPLACEMENT in text else text


def visible(text: str) -> str:
    r"""Make blanks visible, escape what moves the cursor or cannot be seen, and cut what is long.

    >>> visible(" a\n"), visible("\u202eabc"), visible("x" * 30)
    ('␣a\\n', '\\u202eabc', 'xxxxxxxxxxxxxxxxxxxxxxx…')
    """
    if text and unicodedata.category(text[0]).startswith("M"):
        text = f"\N{DOTTED CIRCLE}{text}"  # carries the accent that has no letter of its own
    shown = [_visible_character(character) for character in text]
    return "".join(shown if len(shown) <= _LONGEST else [*shown[: _LONGEST - 1], _ELLIPSIS])


def legible(text: str) -> str:
    r"""Escape what moves the cursor or cannot be seen, but leave blanks, and keep the end of what is long.

    >>> legible("Once upon\n"), len(legible("x" * 300))
    ('Once upon\\n', 60)
    """
    shown = [character if character == " " else _visible_character(character) for character in text]
    return "".join(shown if len(shown) <= _LONGEST_QUOTE else [_ELLIPSIS, *shown[1 - _LONGEST_QUOTE :]])


def _visible_character(character: str) -> str:
    if character == " ":
        return _BLANK
    if character == "\\" or unicodedata.category(character)[0] in "CZ":
        return character.encode("unicode_escape").decode("ascii")
    return character


def _bytes_of(piece: str) -> str:
    """Write what a byte-level piece spells, bytes that are no whole character by number; the piece if it is none."""
    byte_of = _byte_by_character()
    if not byte_of.keys() >= set(piece):
        return piece
    text = bytes(byte_of[character] for character in piece).decode("utf-8", "surrogateescape")
    return "".join(f"<0x{ord(c) - 0xDC00:02X}>" if "\udc80" <= c <= "\udcff" else c for c in text)


@cache
def _byte_by_character() -> dict[str, int]:
    """Return the byte that each character of a byte-level vocabulary stands for."""
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    return {character: byte for byte, character in bytes_to_unicode().items()}


def _category(text: str | None) -> str:
    if text is None or _BYTE.search(text):
        return "special"
    if any(character.isalpha() for character in text):
        return "word start" if text[0].isspace() else "word continuation"
    return "number" if any(character.isdigit() for character in text) else "punctuation"
