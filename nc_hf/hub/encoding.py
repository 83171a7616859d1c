"""Text through a tokenizer: one that was read from files of others works in the cage, where a copy of it lives.

What is built from a ``tokenizer.json`` may turn one letter into all the memory there is. A tokenizer that the program's
own user made is theirs, and works where it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nc_hf.hub.plain_encoding import decoded_here, encoded_alone_here, encoded_here

_FOREIGN = "_nc_hf_foreign"


def mark_foreign(tokenizer: Any) -> None:
    """Let a tokenizer see no text from now on but in the cage; so do copies of it."""
    setattr(tokenizer, _FOREIGN, True)


def encoded(tokenizer: Any, texts: list[str]) -> list[list[int]]:
    """Tokenise some texts, without special tokens around them.

    Args:
        tokenizer: of transformers.
        texts: of any length.

    Raises:
        CorpusError: one of them is not Unicode text.
        TokenizerError: the tokenizer breaks down, or takes more than the cage allows.
    """
    if _is_foreign(tokenizer):
        from nc_hf.hub.tokenizer_copy import encoded_there

        return encoded_there(tokenizer, texts)
    return encoded_here(tokenizer, texts)


def encoded_alone(tokenizer: Any, text: str, *, special_tokens: bool) -> list[int]:
    """Tokenise one text, with the special tokens that the tokenizer puts around it or without.

    Raises:
        TokenizerError: the tokenizer takes more than the cage allows.
    """
    if _is_foreign(tokenizer):
        from nc_hf.hub.tokenizer_copy import encoded_alone_there

        return encoded_alone_there(tokenizer, text, special_tokens)
    return encoded_alone_here(tokenizer, text, special_tokens)


def decoded(tokenizer: Any, ids: Sequence[int]) -> str:
    """Return the text of some tokens, as it is and not tidied up.

    Raises:
        TokenizerError: the tokenizer takes more than the cage allows.
    """
    if _is_foreign(tokenizer):
        from nc_hf.hub.tokenizer_copy import decoded_there

        return decoded_there(tokenizer, ids)
    return decoded_here(tokenizer, ids)


def spelled(tokenizer: Any, token_id: int) -> str:
    """Return the text of one token of the vocabulary, as `decoded` does; for many of them.

    Raises:
        TokenizerError: as `decoded`.
    """
    if _is_foreign(tokenizer):
        from nc_hf.hub.tokenizer_copy import spelled_there

        return spelled_there(tokenizer, token_id)
    return decoded_here(tokenizer, [token_id])


def _is_foreign(tokenizer: Any) -> bool:
    return bool(getattr(tokenizer, _FOREIGN, False))
