"""The texts of local files: one file, a folder with its splits, or a pattern for files of a folder."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nc_hf.corpus.caged import LONGEST_DOCUMENT, LONGEST_ROW, cage_faults, caged
from nc_hf.corpus.columns import TEXT_COLUMN, check_column, texts_of
from nc_hf.corpus.folders import ALL, SPLITS, check_versions, choose_split, is_notice, split_of
from nc_hf.corpus.formats import has_columns, is_readable, known_kinds, read_file
from nc_hf.corpus.reading import ReadRecord, Source
from nc_hf.errors import CorpusError

if TYPE_CHECKING:
    from nc_hf.runtime.cage.frames import Answer

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
    read = caged(
        partial(read_files, files, column),
        repr(str(files[0])) if len(files) == 1 else f"One of the {len(files):,} files beside {str(files[0])!r}",
        longest=LONGEST_ROW if len(plain) < len(files) else LONGEST_DOCUMENT,
        needs=[__name__] + ["pyarrow.parquet"] * any(file.suffix.lower() == ".parquet" for file in files),
    )
    return Source(split, read, len(files), tuple(left_out or ()))


def read_files(files: list[Path], column: str, record: ReadRecord) -> Iterator[str]:
    """Read the texts of some files; for the cage."""
    for file in files:
        yield from read_file(file, column, record)


def _open_saved(folder: Path, split: str, column: str) -> Source:
    """Find the texts of a data set that `datasets` saved, whose description is not ours either."""
    from nc_hf.runtime.cage import run

    where = repr(str(folder))
    with cage_faults(where):
        found = run(look_into_saved, folder, split, column, needs=["datasets"]).value
    read = caged(partial(read_saved, folder, found["split"], column), where, needs=[__name__, "datasets"])
    return Source(str(found["split"]), read, int(found["files"]))


def look_into_saved(folder: Path, split: str, column: str) -> Answer:
    """Find out which split of a saved data set is meant, and how many files it has; for the cage.

    Raises:
        CorpusError: it is damaged, or has no such split or column.
    """
    from nc_hf.runtime.cage.frames import Answer

    chosen, rows = _saved(folder, split)
    check_column(_features(rows.features), column, repr(str(folder)))
    return Answer({"split": chosen, "files": len(rows.cache_files)})


def read_saved(folder: Path, split: str, column: str, record: ReadRecord) -> Iterator[str]:
    """Read the texts of a saved data set; for the cage."""
    _, rows = _saved(folder, split)
    rows = rows.select_columns([column if column in rows.column_names else column.partition(".")[0]])
    return texts_of(enumerate(rows, start=1), column, lambda number: f"Row {number} of {str(folder)!r}", record)


def _saved(folder: Path, split: str) -> tuple[str, Any]:
    """Open a saved data set, and choose its split."""
    from datasets import Dataset, load_from_disk

    try:
        saved = load_from_disk(folder)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CorpusError(f"{str(folder)!r} is not a whole saved data set: save it again.") from error
    if isinstance(saved, Dataset):
        return ALL, saved
    chosen = choose_split(split, saved, str(folder))
    return chosen, saved[chosen]


def _features(features: Any) -> dict[str, Any]:
    """Name the columns of a data set, and within a column of objects its entries."""
    return {name: _features(each) if isinstance(each, dict) else "" for name, each in features.items()}
