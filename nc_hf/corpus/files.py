"""Documents out of local files: txt, jsonl, json, parquet, and folders of them.

Files are read as they are needed, a line or a batch of rows at a time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from importlib import import_module
from itertools import chain
from pathlib import Path
from typing import Any

from nc_hf.corpus.stories import END_OF_TEXT
from nc_hf.errors import CorpusError

TEXT_COLUMN = "text"
ALL = "all"
"""The split of a corpus that is not divided."""

Read = Callable[[], Iterator[str]]

_SPLITS = {"train": "train", "validation": "validation", "valid": "validation", "val": "validation", "test": "test"}
_SPLIT_NAME = re.compile(r"(?:^|[^a-z0-9])(train|validation|valid|val|test)(?:$|[^a-z0-9])")


def open_texts(path: Path, split: str) -> tuple[str, Read]:
    """Find the documents of a file or folder.

    A file is read whole, whatever the split. In a folder the files named for a split (``train.jsonl``,
    ``validation-00000-of-00002.parquet``, ``val.txt``) are that split; if none is named for any split, all files are
    the corpus. Hidden files do not count. A folder that ``datasets`` wrote with ``save_to_disk`` is understood.

    Args:
        path: the file or folder.
        split: which part of a folder.

    Returns:
        The split that will be read ("all" where the corpus is not divided) and a function that begins to read it.

    Raises:
        CorpusError: if nothing there can be read. What is wrong within a file is found when it is read.
    """
    try:
        is_file, is_folder = path.is_file(), path.is_dir()
    except OSError as error:  # a name that is too long, say
        raise CorpusError(f"There is no file or folder {str(path)[:80]!r} ({error.strerror}): name one.") from None
    if is_file:
        if split not in {ALL, *_SPLITS}:  # a file has no parts; its name may say which part it is
            raise CorpusError(
                f"{str(path)!r} has no split {split!r}: leave the split out, or name a folder that has it."
            )
        return _split_of(path) or ALL, partial(_read_files, [_readable(path)])
    if not is_folder:
        raise CorpusError(
            f"There is no file or folder {str(path)!r}: name one, or builtin, tinystories or hub:OWNER/NAME."
        )
    if (path / "dataset_dict.json").is_file() or (path / "state.json").is_file():
        return _open_saved(path, split)
    files = sorted(
        file  # hidden ones are not the user's: macOS puts a "._" beside each that it copies
        for file in path.iterdir()
        if file.suffix.lower() in _READERS and file.is_file() and not file.name.startswith(".")
    )
    if not files:
        raise CorpusError(f"The folder {str(path)!r} has no {_known()} file: name a folder that has.")
    by_split = {_split_of(file): file for file in files if _split_of(file)}
    if not by_split:
        return ALL, partial(_read_files, files)
    chosen = choose_split(split, [name for name in by_split if name], str(path))
    return chosen, partial(_read_files, [file for file in files if _split_of(file) == chosen])


def choose_split(split: str, names: Iterable[str], where: str) -> str:
    """Return the name among ``names`` that means ``split``: itself, or another spelling (val, valid, validation).

    Raises:
        CorpusError: if there is none.
    """
    offered = list(names)
    for name in offered:
        if name == split or _SPLITS.get(name, name) == _SPLITS.get(split, split):
            return name
    raise CorpusError(f"{where!r} has no split {split!r}: choose one of {', '.join(sorted(offered))}.")


def column_text(row: Any, column: str, where: str) -> str:
    """Return the text of a row.

    Raises:
        CorpusError: if the row has no such column, or no text in it.
    """
    if not isinstance(row, dict):
        raise CorpusError(f"{where} is not an object with columns: give rows such as {{{TEXT_COLUMN!r}: '...'}}.")
    if column not in row:
        raise CorpusError(
            f"{where} has no column {column!r} (its columns: {', '.join(map(str, row)) or 'none'}): "
            f"name the one with the text, for a file by renaming it to {TEXT_COLUMN!r}."
        )
    text = row[column]
    if not isinstance(text, str):
        raise CorpusError(f"{where} has no text in the column {column!r}: drop that row or choose another column.")
    return text


def _split_of(file: Path) -> str | None:
    found = _SPLIT_NAME.search(file.stem.lower())
    return _SPLITS[found[1]] if found else None


def _readable(file: Path) -> Path:
    if file.suffix.lower() not in _READERS:
        raise CorpusError(f"{str(file)!r} is no {_known()} file: convert it to one of these.")
    return file


def _known() -> str:
    return " or ".join(_READERS)


def _read_files(files: list[Path]) -> Iterator[str]:
    return chain.from_iterable(map(_read_file, files))


def _read_file(file: Path) -> Iterator[str]:
    try:
        yield from _READERS[file.suffix.lower()](file)
    except UnicodeDecodeError as error:
        raise CorpusError(f"{str(file)!r} is not text in UTF-8: convert it, or name a text file.") from error
    except OSError as error:
        raise CorpusError(f"{str(file)!r} cannot be read ({error.strerror}): check it and its permissions.") from error


def _read_txt(file: Path) -> Iterator[str]:
    """Split at the end-of-text mark, which stands within a line; a file without one is one document."""
    pieces: list[str] = []
    for line in _lines(file):
        before, *documents = line.split(END_OF_TEXT)
        pieces.append(before)
        for document in documents:
            yield from _stripped(pieces)
            pieces = [document]
    yield from _stripped(pieces)


def _stripped(pieces: list[str]) -> Iterator[str]:
    if document := "".join(pieces).strip():
        yield document


def _read_jsonl(file: Path) -> Iterator[str]:
    for number, line in enumerate(_lines(file), start=1):
        if line.strip():
            where = f"Line {number} of {str(file)!r}"
            yield column_text(_parsed(line, where), TEXT_COLUMN, where)


def _read_json(file: Path) -> Iterator[str]:
    """Read one JSON array of rows, which has to be held whole, or a row a line as in jsonl."""
    first = next((line.strip() for line in _lines(file) if line.strip()), "")
    if not first.startswith("["):
        yield from _read_jsonl(file)
        return
    for number, row in enumerate(_parsed("".join(_lines(file)), repr(str(file))), start=1):
        yield column_text(row, TEXT_COLUMN, f"Row {number} of {str(file)!r}")


def _parsed(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CorpusError(f"{where} is not JSON: correct it, or save the texts as .txt.") from error


def _lines(file: Path) -> Iterator[str]:
    with file.open(encoding="utf-8-sig") as lines:
        for line in lines:
            if "\0" in line:
                raise CorpusError(f"{str(file)!r} is a binary file: name a text file.")
            yield line


def _read_parquet(file: Path) -> Iterator[str]:
    parquet: Any = import_module("pyarrow.parquet")  # comes with datasets; has no types
    where = repr(str(file))
    try:
        with parquet.ParquetFile(file) as table:
            column_text(dict.fromkeys(table.schema_arrow.names, ""), TEXT_COLUMN, where)
            for batch in table.iter_batches(batch_size=1024, columns=[TEXT_COLUMN]):
                for row in batch.to_pylist():
                    yield column_text(row, TEXT_COLUMN, where)
    except import_module("pyarrow").ArrowException as error:
        raise CorpusError(f"{where} is not a whole parquet file: write or fetch it again.") from error


def _open_saved(folder: Path, split: str) -> tuple[str, Read]:
    from datasets import Dataset, load_from_disk

    try:
        saved = load_from_disk(folder)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CorpusError(f"{str(folder)!r} is not a whole saved data set: save it again.") from error
    chosen = ALL if isinstance(saved, Dataset) else choose_split(split, saved, str(folder))
    rows = saved if chosen is ALL else saved[chosen]
    column_text(dict.fromkeys(rows.column_names, ""), TEXT_COLUMN, repr(str(folder)))
    return chosen, lambda: (column_text(row, TEXT_COLUMN, repr(str(folder))) for row in rows)


_READERS: dict[str, Callable[[Path], Iterator[str]]] = {
    ".txt": _read_txt,
    ".jsonl": _read_jsonl,
    ".json": _read_json,
    ".parquet": _read_parquet,
}
