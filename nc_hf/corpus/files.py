"""The texts of local files: one file, a folder with its splits, or a pattern for files of a folder."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from nc_hf.corpus.columns import TEXT_COLUMN, check_column, texts_of
from nc_hf.corpus.folders import ALL, SPLITS, check_versions, choose_split, is_notice, split_of
from nc_hf.corpus.formats import has_columns, is_readable, known_kinds, read_file
from nc_hf.corpus.reading import ReadRecord, Source
from nc_hf.errors import CorpusError

_PATTERN = frozenset("*?[")


def open_texts(path: Path, split: str, column: str = TEXT_COLUMN) -> Source:
    """Find the texts of a file or folder.

    A file is read whole, whatever the split. In a folder the files named for a split (``train.jsonl``,
    ``validation-00000-of-00002.parquet``, ``val.txt``) are that split; if none is named for any split, all files are
    the corpus. Hidden files and licences do not count. A folder that ``datasets`` wrote with ``save_to_disk`` is
    understood. A pattern (``FOLDER/TinyStories-*.txt``) is the folder with no other files than it matches.

    Args:
        path: the file, folder or pattern.
        split: which part of a folder.
        column: with the text, for files that have columns.

    Raises:
        CorpusError: if nothing there can be read, or two versions of one text are there. What is wrong within a file
            is found when it is read.
    """
    try:
        is_file, is_folder = path.is_file(), path.is_dir()
    except OSError as error:  # a name that is too long, say
        raise CorpusError(f"There is no file or folder {str(path)[:80]!r} ({error.strerror}): name one.") from None
    if is_file:
        if split not in {ALL, *SPLITS}:  # a file has no parts; its name may say which part it is
            raise CorpusError(
                f"{str(path)!r} has no split {split!r}: leave the split out, or name a folder that has it."
            )
        if not is_readable(path):
            raise CorpusError(f"{str(path)!r} is none of {known_kinds()}: convert it to one of these.")
        return _source(split_of(path.name) or ALL, [path], column)
    if is_folder:
        if (path / "dataset_dict.json").is_file() or (path / "state.json").is_file():
            return _open_saved(path, split, column)
        return _open_files(path, "*", split, column)
    if _PATTERN & set(path.name) and path.parent.is_dir():
        return _open_files(path.parent, path.name, split, column)
    raise CorpusError(f"There is no file or folder {str(path)!r}: name one, or builtin, tinystories or hub:OWNER/NAME.")


def _open_files(folder: Path, pattern: str, split: str, column: str) -> Source:
    """Choose the files of a split among those of a folder that a pattern matches."""
    where = str(folder) if pattern == "*" else str(folder / pattern)
    found = sorted(
        file  # hidden ones are not the user's: macOS puts a "._" beside each that it copies
        for file in folder.glob(pattern)
        if is_readable(file) and file.is_file() and not file.name.startswith(".")
    )
    files = [file for file in found if not is_notice(file.name)]
    if not files:
        beside = f" but {', '.join(file.name for file in found[:4])}" if found else ""
        raise CorpusError(f"The folder {where!r} has no file of text ({known_kinds()}){beside}: name one that has.")
    splits = dict.fromkeys(name for file in files if (name := split_of(file.name)))
    chosen = choose_split(split, splits, where) if splits else None
    meant = [file for file in files if split_of(file.name) == chosen]
    check_versions([file.name for file in meant], chosen, where, partial(_advice, folder))
    left_out = [file.name for file in found if file not in meant and split_of(file.name) is None]
    return _source(chosen or ALL, meant, column, left_out)


def _advice(folder: Path, name: str, pattern: str | None) -> str:
    one = f"name one, as in {folder / name}"
    return f"{one}, or one with its splits by a pattern, as in {folder / pattern}" if pattern else one


def _source(split: str, files: list[Path], column: str, left_out: list[str] | None = None) -> Source:
    plain = [file for file in files if not has_columns(file)]
    if plain and column != TEXT_COLUMN:
        raise CorpusError(f"{str(plain[0])!r} is plain text and has no column {column!r}: leave the column out.")
    return Source(split, partial(_read_files, files, column), len(files), tuple(left_out or ()))


def _read_files(files: list[Path], column: str, record: ReadRecord) -> Iterator[str]:
    for file in files:
        yield from read_file(file, column, record)


def _open_saved(folder: Path, split: str, column: str) -> Source:
    from datasets import Dataset, load_from_disk

    where = repr(str(folder))
    try:
        saved = load_from_disk(folder)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CorpusError(f"{where} is not a whole saved data set: save it again.") from error
    chosen = ALL if isinstance(saved, Dataset) else choose_split(split, saved, str(folder))
    rows = saved if chosen is ALL else saved[chosen]
    check_column(_features(rows.features), column, where)
    rows = rows.select_columns([column if column in rows.column_names else column.partition(".")[0]])

    def read(record: ReadRecord) -> Iterator[str]:
        return texts_of(enumerate(rows, start=1), column, lambda number: f"Row {number} of {where}", record)

    return Source(chosen, read, len(rows.cache_files))


def _features(features: Any) -> dict[str, Any]:
    """Name the columns of a data set, and within a column of objects its entries."""
    return {name: _features(each) if isinstance(each, dict) else "" for name, each in features.items()}
