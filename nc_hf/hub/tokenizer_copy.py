"""The copy of a tokenizer that lives in the cage, and what is asked of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import accumulate, chain, pairwise
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from nc_hf.errors import TokenizerError
from nc_hf.errors.remedies import Remedy
from nc_hf.hub.plain_encoding import broken_down, decoded_here, encoded_alone_here, encoded_here
from nc_hf.runtime.cage import CageError, Inmate, Limits
from nc_hf.runtime.cage.frames import Answer

_LIMITS = Limits(wall_seconds=60, answer_bytes=1 << 27)
_PAGE = 1024  # tokens that are spelled at once: the next one asked for is usually near


@dataclass
class _Copy:
    """A tokenizer's copy.

    Attributes:
        state: what the tokenizer was like when it was copied.
        inmate: where the copy lives.
        spelled: texts of tokens, by the number of their page; None for one beyond the vocabulary.
    """

    state: tuple[int, str]
    inmate: Inmate
    spelled: dict[int, list[str | None]] = field(default_factory=dict)


_COPIES: WeakKeyDictionary[Any, _Copy] = WeakKeyDictionary()


def encoded_there(tokenizer: Any, texts: list[str]) -> list[list[int]]:
    """Tokenise some texts; as `nc_hf.hub.encoding.encoded`."""
    arrays = _asked(tokenizer, encode_texts, texts).arrays
    ids: list[int] = arrays["ids"].tolist()
    return [ids[begin:end] for begin, end in pairwise(accumulate(arrays["lengths"].tolist(), initial=0))]


def encoded_alone_there(tokenizer: Any, text: str, special_tokens: bool) -> list[int]:
    """Tokenise one text; as `nc_hf.hub.encoding.encoded_alone`."""
    ids: list[int] = _asked(tokenizer, encode_text, text, special_tokens).arrays["ids"].tolist()
    return ids


def decoded_there(tokenizer: Any, ids: Sequence[int]) -> str:
    """Return the text of some tokens; as `nc_hf.hub.encoding.decoded`."""
    return _known(_asked(tokenizer, decode_rows, [list(ids)]).value[0])


def spelled_there(tokenizer: Any, token_id: int) -> str:
    """Return the text of one token; as `nc_hf.hub.encoding.spelled`."""
    with _cage_faults():
        pages = _copy_of(tokenizer).spelled
    number, place = divmod(token_id, _PAGE)
    if number not in pages:
        rows = [[each] for each in range(number * _PAGE, (number + 1) * _PAGE)]
        pages[number] = list(_asked(tokenizer, decode_rows, rows).value)
    return _known(pages[number][place])


def take_in(tokenizer: Any) -> Any:
    """Become the copy; for the cage, as what follows."""
    return tokenizer


def encode_texts(tokenizer: Any, texts: list[str]) -> Answer:
    """Tokenise some texts, and return their ids one after another, and how many each has."""
    rows = encoded_here(tokenizer, texts)
    return Answer(None, {"ids": _ids(chain.from_iterable(rows)), "lengths": _ids(map(len, rows))})


def encode_text(tokenizer: Any, text: str, special_tokens: bool) -> Answer:
    """Tokenise one text."""
    return Answer(None, {"ids": _ids(encoded_alone_here(tokenizer, text, special_tokens))})


def decode_rows(tokenizer: Any, rows: list[list[int]]) -> Answer:
    """Return the text of each row of ids; None for one that is beyond the vocabulary."""
    return Answer([_text_or_none(tokenizer, ids) for ids in rows])


def _text_or_none(tokenizer: Any, ids: list[int]) -> str | None:
    try:
        return decoded_here(tokenizer, ids)
    except MemoryError:
        raise
    except Exception:  # tokenizers in Python raise what their look-up raises
        return None


def _ids(numbers: Any) -> Any:
    return np.fromiter(numbers, "<i4")


def _known(text: str | None) -> str:
    if text is None:
        raise broken_down()
    return text


def _copy_of(tokenizer: Any) -> _Copy:
    """Return the copy, a new one where there is none that lives and is like the tokenizer as it is now."""
    state = (len(tokenizer), str(tokenizer.special_tokens_map))
    copy = _COPIES.get(tokenizer)
    if copy is None or copy.state != state or not copy.inmate.answers:
        copy = _Copy(state, Inmate(_LIMITS, [type(tokenizer).__module__]))
        copy.inmate.keep(take_in, tokenizer)
        _COPIES[tokenizer] = copy
    return copy


def _asked(tokenizer: Any, function: Callable[..., Answer], *arguments: object) -> Answer:
    with _cage_faults():
        return _copy_of(tokenizer).inmate.ask(function, *arguments)


@contextmanager
def _cage_faults() -> Iterator[None]:
    try:
        yield
    except CageError as error:
        raise TokenizerError(f"What the tokenizer makes of a text {error.happened}", Remedy.FOREIGN) from error
