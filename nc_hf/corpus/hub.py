"""The texts of data sets on the Hub, streamed by `datasets` and parted as those of local files are.

No cell leads out of the repository: one of an image or a sound may name any file, and is opened when it is decoded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from itertools import chain
from pathlib import Path
from typing import Any

from nc_hf.corpus.caged import caged
from nc_hf.corpus.columns import TEXT_COLUMN, check_column, texts_of
from nc_hf.corpus.compression import checked_lines
from nc_hf.corpus.folders import check_versions, choose_split, split_of
from nc_hf.corpus.formats import documents_of
from nc_hf.corpus.reading import ReadRecord, Source
from nc_hf.corpus.settings import file_names
from nc_hf.corpus.spec import CorpusSpec
from nc_hf.errors import CorpusError, HubError, NCError
from nc_hf.errors.remedies import Remedy


def text_alone(rows: Any, column: str, where: str) -> Any:
    """Return the rows of a streamed data set with the column of text and no other, so that no other is decoded.

    Args:
        rows: an ``IterableDataset``.
        column: its name; dots lead into objects.
        where: what an error calls the data set.

    Raises:
        CorpusError: there is no such column, or it holds something else than plain values.
    """
    if rows.features is None:  # not known before a row is read; then nothing is decoded
        return rows
    check_column(_names(rows.features), column, where)
    name = column if column in rows.features else column.partition(".")[0]
    if not _is_plain(rows.features[name]):
        raise CorpusError(f"{where} has no text in the column {column!r}: choose another column.")
    return rows.select_columns([name])


def _names(features: Any) -> dict[str, Any]:
    return {name: _names(each) if isinstance(each, dict) else "" for name, each in features.items()}


def _is_plain(feature: Any) -> bool:
    """Whether nothing is opened when it is decoded."""
    from datasets import List, Value

    if isinstance(feature, dict):
        return all(map(_is_plain, feature.values()))
    return isinstance(feature, Value) or (isinstance(feature, List) and _is_plain(feature.feature))


def open_hub(spec: CorpusSpec, split: str, token: str | bool | None) -> Source:
    """Find the split of a data set on the Hub; it is streamed, so only what is read is fetched.

    Text files are read as local ones are: `datasets` alone would take every line for a text.

    Raises:
        CorpusError: it has no such configuration, split or column, or two versions of the split.
        HubError: it is missing, closed to the reader, or out of reach.
    """
    from datasets import load_dataset_builder
    from huggingface_hub import get_token

    token = get_token() if token is None else token  # the template of the cage may know another one, or none
    dataset, where = str(spec.dataset), f"hub:{spec.dataset}"
    if Path(dataset).exists():  # datasets would take it for the data set
        raise CorpusError(f"A local {dataset!r} hides the data set of that name on the Hub", Remedy.HIDDEN_DATA_SET)
    with _hub_faults(dataset, token):
        builder = load_dataset_builder(dataset, spec.config, token=token)
        named = {name: [str(file) for file in files] for name, files in (builder.config.data_files or {}).items()}
        _check_compression(named.values(), where)
        in_lines = _set_reading(builder.config, spec.column)
        splits = builder.as_streaming_dataset()
    chosen = choose_split(split, splits, where)
    files = named.get(chosen, [])
    try:
        _check_versions(files, chosen, dataset)
    except CorpusError:
        if not any(file_names(dataset, token)):  # else its owner has chosen the files
            raise
    if in_lines and spec.column != TEXT_COLUMN:
        raise CorpusError(f"{where} is plain text and has no column {spec.column!r}: leave the column out.")
    read = partial(read_lines if in_lines else read_rows, splits[chosen], spec, token)
    needs = ["torch", "datasets", type(builder).__module__, __name__]  # a streamed data set is one of torch too
    return Source(chosen, caged(read, where, needs=needs, network=True), len(files), streamed=True)


def _set_reading(config: Any, column: str) -> bool:
    """Let `datasets` read text and tables as we read local ones; return whether it will give lines of text."""
    kind = type(config).__name__
    if kind == "CsvConfig" and config.converters is None:  # else 12 is no text, and NA is nothing
        config.converters, config.na_filter = {column: str}, False
    if kind != "TextConfig" or config.sample_by != "line":
        return False
    config.keep_linebreaks = True
    return True


def _check_compression(files: Iterable[list[str]], where: str) -> None:
    """Refuse what `datasets` reads with a package that is not there."""
    known = import_module("fsspec").available_compressions()  # comes with datasets; has no types
    if "zstd" not in known and any(file.endswith((".zst", ".zstd")) for file in chain(*files)):
        raise CorpusError(
            f"{where} has files in .zst, which the package zstandard reads", Remedy.INSTALL, package="zstandard"
        )


def _check_versions(files: list[str], split: str, dataset: str) -> None:
    """Refuse two versions of a split side by side, which `datasets` takes for its parts."""
    folders: dict[str, list[str]] = {}
    for file in files:
        folder, _, name = file.rpartition("/")
        if split_of(name):
            folders.setdefault(folder, []).append(name)
    for names in folders.values():
        check_versions(names, split, f"hub:{dataset}")


def read_rows(rows: Any, spec: CorpusSpec, token: str | bool | None, record: ReadRecord) -> Iterator[str]:
    """Read the rows of a split; for the cage."""
    where = f"hub:{spec.dataset}"
    with _hub_faults(str(spec.dataset), token):
        numbered = enumerate(text_alone(rows, spec.column, where), start=1)
        yield from texts_of(numbered, spec.column, lambda number: f"Row {number} of {where}", record)


def read_lines(rows: Any, spec: CorpusSpec, token: str | bool | None, record: ReadRecord) -> Iterator[str]:
    """Read text files one by one, for the cage: `datasets` makes a shard of each."""
    with _hub_faults(str(spec.dataset), token):
        for index in range(rows.num_shards):
            lines = (str(row[TEXT_COLUMN]) for row in rows.shard(rows.num_shards, index))
            whole = (line if number else line.removeprefix("\ufeff") for number, line in enumerate(lines))
            yield from documents_of(checked_lines(whole, f"hub:{spec.dataset}"), record)


@contextmanager
def _hub_faults(dataset: str, token: str | bool | None) -> Iterator[None]:
    """Turn whatever the libraries between us and the Hub raise into one sentence."""
    from datasets.exceptions import DatasetNotFoundError, DatasetsError

    from nc_hf.hub.faults import is_sent

    try:
        yield
    except (NCError, MemoryError):
        raise
    except DatasetNotFoundError as error:
        raise HubError(
            f"There is no data set {dataset} on the Hub that you may read", Remedy.GATED_DATA_SET, sent=is_sent(token)
        ) from error
    except (DatasetsError, FileNotFoundError, ValueError) as error:
        reason = " ".join(str(error).splitlines()[:2]).rstrip(".")
        raise CorpusError(
            f"The data set {dataset} cannot be opened ({reason})", Remedy.CONFIGURATION, dataset=dataset
        ) from error
    except Exception as error:  # fsspec, pyarrow and the HTTP client have no root in common
        raise HubError(f"Reading {dataset} from the Hub failed ({type(error).__name__})", Remedy.CONNECTION) from error
