"""The texts of one file, by its kind: txt, jsonl, json, csv, tsv and parquet.

A file is read as it is needed, a line or a batch of rows at a time; a JSON array alone has to be held whole.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from nc_hf.corpus.columns import check_column, texts_of
from nc_hf.corpus.compression import COMPRESSIONS, text_lines, uncompressed_name
from nc_hf.corpus.reading import ReadRecord
from nc_hf.corpus.stories import END_OF_TEXT
from nc_hf.errors import CorpusError

LONGEST_FIELD = 2**31 - 1
"""Characters of a field that the reader of csv allows, which by itself are 131,072, fewer than an article has."""


def read_file(file: Path, column: str, record: ReadRecord) -> Iterator[str]:
    """Read the texts of a file.

    Args:
        file: of a kind that ``is_readable`` knows.
        column: with the text, where the file has columns; as `nc_hf.corpus.columns.entry` takes it.
        record: counts what is read.

    Raises:
        CorpusError: the file is damaged, is not what its name says, or has no text in the column.
    """
    return _READERS[_kind(file)](file, column, record)


def is_readable(file: Path) -> bool:
    """Tell whether a file's name is of a known kind."""
    kind, (_, compression) = _kind(file), uncompressed_name(file.name)
    return kind in _READERS and not (compression and kind == ".parquet")  # which has its own compression within


def has_columns(file: Path) -> bool:
    """Tell whether a file of this kind has columns, of which one is the text."""
    return _kind(file) != ".txt"


def known_kinds() -> str:
    """Name the kinds of files, for an error."""
    return f"{', '.join(_READERS)} (the text ones also as {', '.join(COMPRESSIONS)})"


def documents_of(lines: Iterable[str], record: ReadRecord) -> Iterator[str]:
    """Part the lines of a text file at the end-of-text marks in them; without one all of it is a document.

    Args:
        lines: each with its end.
        record: counts the parts.
    """
    pieces: list[str] = []
    unit = "file"
    for line in lines:
        before, *parts = line.split(END_OF_TEXT)
        pieces.append(before)
        for part in parts:
            unit = "part"
            yield from _joined(pieces, unit, record)
            pieces = [part]
    yield from _joined(pieces, unit, record)


def _joined(pieces: list[str], unit: str, record: ReadRecord) -> Iterator[str]:
    if document := "".join(pieces).strip():
        record.note_unit(unit)
        record.rows += 1
        yield document


def _read_txt(file: Path, _: str, record: ReadRecord) -> Iterator[str]:
    return documents_of(text_lines(file), record)


def _read_jsonl(file: Path, column: str, record: ReadRecord) -> Iterator[str]:
    place = partial(_place, "Line", file)
    lines = ((number, line) for number, line in enumerate(text_lines(file), start=1) if line.strip())
    return texts_of(((number, _parsed(line, place(number))) for number, line in lines), column, place, record)


def _read_json(file: Path, column: str, record: ReadRecord) -> Iterator[str]:
    """Read one JSON array of rows, which has to be held whole, or a row a line as in jsonl."""
    first = next((line.strip() for line in text_lines(file) if line.strip()), "")
    if not first.startswith("["):
        return _read_jsonl(file, column, record)
    rows = _parsed("".join(text_lines(file)), repr(str(file)))
    return texts_of(enumerate(rows, start=1), column, partial(_place, "Row", file), record)


def _read_separated(separator: str, file: Path, column: str, record: ReadRecord) -> Iterator[str]:
    """Read a table of text whose first row names the columns; a field in quotes may hold line ends and separators."""
    csv.field_size_limit(LONGEST_FIELD)
    lines = text_lines(file, newline="")
    return texts_of(_separated(lines, separator, file, column), column, partial(_place, "Row", file), record)


def _separated(lines: Iterator[str], separator: str, file: Path, column: str) -> Iterator[tuple[int, dict[str, Any]]]:
    rows = csv.reader(lines, delimiter=separator, strict=True)
    try:
        names = next(rows, [])
        if names:
            check_column(dict.fromkeys(names, ""), column, repr(str(file)))
        number = 0
        for fields in rows:
            if not fields:  # a blank line
                continue
            number += 1
            if len(fields) > len(names):
                raise CorpusError(
                    f"{_place('Row', file, number)} has {len(fields)} fields for {len(names)} columns: put fields that "
                    "hold the separator into quotes."
                )
            yield number, dict(zip(names, fields + [None] * (len(names) - len(fields)), strict=True))
    except csv.Error as error:
        where = f"Line {rows.line_num} of {str(file)!r}"
        raise CorpusError(f"{where} is no row of a table ({error}): correct it, or write the file anew.") from error


def _read_parquet(file: Path, column: str, record: ReadRecord) -> Iterator[str]:
    rows = _parquet_rows(file, column)
    return texts_of(enumerate(rows, start=1), column, partial(_place, "Row", file), record)


def _parquet_rows(file: Path, column: str) -> Iterator[dict[str, Any]]:
    parquet: Any = import_module("pyarrow.parquet")  # comes with datasets; has no types
    where = repr(str(file))
    try:
        with parquet.ParquetFile(file) as table:
            check_column(_fields(table.schema_arrow), column, where)
            for batch in table.iter_batches(batch_size=1024, columns=[column]):
                yield from batch.to_pylist()
    except MemoryError:  # of pyarrow too, where it is an ArrowException as well
        raise
    except import_module("pyarrow").ArrowException as error:
        raise CorpusError(f"{where} is not a whole parquet file: write or fetch it again.") from error
    except OSError as error:
        if error.errno is None:  # what pyarrow says of damaged pages is no fault of the system
            raise CorpusError(f"{where} is not a whole parquet file: write or fetch it again.") from error
        raise CorpusError(f"{where} cannot be read ({error.strerror}): check it and its permissions.") from error


def _fields(of: Any) -> dict[str, Any]:
    """Name the fields of a schema or a struct, those of structs within it too."""
    structs = import_module("pyarrow").types.is_struct
    return {field.name: _fields(field.type) if structs(field.type) else "" for field in of}


def _parsed(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CorpusError(f"{where} is not JSON: correct it, or save the texts as .txt.") from error


def _place(what: str, file: Path, number: int) -> str:
    return f"{what} {number} of {str(file)!r}"


def _kind(file: Path) -> str:
    return Path(uncompressed_name(file.name)[0]).suffix.lower()


_READERS: dict[str, Callable[[Path, str, ReadRecord], Iterator[str]]] = {
    ".txt": _read_txt,
    ".jsonl": _read_jsonl,
    ".ndjson": _read_jsonl,
    ".json": _read_json,
    ".csv": partial(_read_separated, ","),
    ".tsv": partial(_read_separated, "\t"),
    ".parquet": _read_parquet,
}
