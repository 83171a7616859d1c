"""Text files, plain or compressed, a line at a time."""

from __future__ import annotations

import io
import lzma
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import IO, Any

from nc_hf.errors import CorpusError

COMPRESSIONS = (".gz", ".zst", ".xz", ".bz2")


def uncompressed_name(name: str) -> tuple[str, str]:
    """Return a file's name without the suffix of its compression, and that suffix, empty if there is none.

    >>> uncompressed_name("train.jsonl.GZ"), uncompressed_name("train.jsonl")
    (('train.jsonl', '.gz'), ('train.jsonl', ''))
    """
    suffix = next((each for each in COMPRESSIONS if name.lower().endswith(each)), "")
    return name[: len(name) - len(suffix)], suffix


@contextmanager
def open_text(file: Path, newline: str | None = None) -> Iterator[IO[str]]:
    """Open a text file in UTF-8, a mark of its byte order left out.

    Args:
        file: whose suffix says how it is compressed, if it is.
        newline: as the built-in ``open`` takes it.

    Raises:
        CorpusError: it is not text in UTF-8, not compressed as its name says, cut short, or cannot be read.
    """
    _, compression = uncompressed_name(file.name)
    where = repr(str(file))
    try:
        with _binary(file, compression) as content, io.TextIOWrapper(content, "utf-8-sig", newline=newline) as text:
            yield text
    except UnicodeDecodeError as error:
        raise CorpusError(f"{where} is not text in UTF-8: convert it, or name a text file.") from error
    except (EOFError, zlib.error, lzma.LZMAError) as error:
        raise _damaged(where, compression) from error
    except OSError as error:
        if error.errno is None and compression:  # what decompression raises is no fault of the system
            raise _damaged(where, compression) from error
        raise CorpusError(f"{where} cannot be read ({error.strerror}): check it and its permissions.") from error


def text_lines(file: Path, newline: str | None = None) -> Iterator[str]:
    """Read the lines of a text file, each with its end.

    Raises:
        CorpusError: as `open_text`, or it holds what no text does.
    """
    with open_text(file, newline) as lines:
        yield from checked_lines(lines, repr(str(file)))


def checked_lines(lines: Iterator[str] | IO[str], where: str) -> Iterator[str]:
    """Pass on lines of text.

    Raises:
        CorpusError: one of them has a null character.
    """
    for line in lines:
        if "\0" in line:
            raise CorpusError(f"{where} is a binary file: name a text file.")
        yield line


def _binary(file: Path, compression: str) -> Any:
    if not compression:
        return file.open("rb")
    if compression == ".zst":  # the standard library has it from Python 3.14 on; pyarrow comes with datasets
        arrow = import_module("pyarrow")
        return io.BufferedReader(arrow.CompressedInputStream(arrow.PythonFile(file.open("rb")), "zstd"))
    module = {".gz": "gzip", ".bz2": "bz2", ".xz": "lzma"}[compression]
    return import_module(module).open(file, "rb")


def _damaged(where: str, compression: str) -> CorpusError:
    return CorpusError(f"{where} is cut short or no {compression} file: write or fetch it again.")
