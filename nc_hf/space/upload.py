"""A text that a visitor brings along: read once, parted into documents, held to a size."""

from __future__ import annotations

import io

from nc_hf.corpus.stories import END_OF_TEXT
from nc_hf.errors import CorpusError
from nc_hf.space.settings import MAX_TEXT_BYTES


def read_upload(content: bytes) -> str:
    """Read the bytes of an uploaded text.

    Raises:
        CorpusError: they are not text in UTF-8, none, or too many.
    """
    check_size("file", len(content))
    try:
        text = io.TextIOWrapper(io.BytesIO(content), encoding="utf-8-sig").read()
    except UnicodeDecodeError:
        raise CorpusError("The file is not text in UTF-8: save it as plain text and choose it again.") from None
    if "\0" in text:
        raise CorpusError("The file is binary: choose a plain text file.")
    documents(text)
    return text


def documents(text: str) -> list[str]:
    r"""Part a text at the end-of-text marks, as `nc-hf measure` does with a txt file.

    Raises:
        CorpusError: there is no text in it.

    >>> documents("one\n<|endoftext|>\ntwo")
    ['one', 'two']
    """
    found = [document for part in text.split(END_OF_TEXT) if (document := part.strip())]
    if not found:
        raise CorpusError("The text is empty: choose a file with text in it, or another corpus.")
    return found


def check_size(kind: str, size: int) -> None:
    """Refuse a text of more bytes than are read.

    Raises:
        CorpusError: it has.
    """
    if size > MAX_TEXT_BYTES:
        raise CorpusError(f"The {kind} has {size:,} bytes: choose one of {MAX_TEXT_BYTES:,} at the most.")
