"""Text through a tokenizer, in the process that this runs in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nc_hf.errors import CorpusError, TokenizerError
from nc_hf.errors.remedies import Remedy


def encoded_here(tokenizer: Any, texts: list[str]) -> list[list[int]]:
    """Tokenise some texts in this process.

    Raises:
        CorpusError, TokenizerError: as `encoded`.
    """
    try:
        return _encoded_by_rust(tokenizer, texts) if _is_rust(tokenizer) else _encoded_by_call(tokenizer, texts)
    except (TypeError, UnicodeError) as error:  # what tokenizers make of None, numbers and lone surrogates
        raise CorpusError("The corpus holds something that is not Unicode text: clean or drop that row.") from error
    except BaseException as panic:
        if type(panic).__name__ != "PanicException":  # what Rust raises in Python is no Exception
            raise
        raise broken_down() from panic


def _is_rust(tokenizer: Any) -> bool:
    """Whether a call of a tokenizer hands texts on to Rust as they are; some kinds do something to them before."""
    from transformers.tokenization_utils_tokenizers import TokenizersBackend

    kind = type(tokenizer)
    return (
        isinstance(tokenizer, TokenizersBackend)
        and kind.__call__ is TokenizersBackend.__call__
        and kind._encode_plus is TokenizersBackend._encode_plus
    )


def _encoded_by_rust(tokenizer: Any, texts: list[str]) -> list[list[int]]:
    """Do what a call does, but for the places of tokens in their text: nobody asks for them, and they take a fifth."""
    backend = tokenizer.backend_tokenizer
    backend.no_padding()
    backend.no_truncation()
    backend.encode_special_tokens = tokenizer.split_special_tokens
    return [encoding.ids for encoding in backend.encode_batch_fast(texts, add_special_tokens=False)]


def _encoded_by_call(tokenizer: Any, texts: list[str]) -> list[list[int]]:
    found = tokenizer(
        texts,
        add_special_tokens=False,
        padding=False,
        truncation=False,
        return_attention_mask=False,
        verbose=False,
    )
    ids: list[list[int]] = found["input_ids"]
    return ids


def encoded_alone_here(tokenizer: Any, text: str, special_tokens: bool) -> list[int]:
    """Tokenise one text in this process."""
    ids: list[int] = tokenizer(text, add_special_tokens=special_tokens)["input_ids"]
    return ids


def decoded_here(tokenizer: Any, ids: Sequence[int]) -> str:
    """Return the text of some tokens, spelled in this process."""
    return str(tokenizer.decode(list(ids), clean_up_tokenization_spaces=False))


def broken_down() -> TokenizerError:
    """Say that a tokenizer cannot do what it is there for."""
    return TokenizerError("The tokenizer broke down on the text", Remedy.OWN_TEXT)
