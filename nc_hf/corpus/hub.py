"""Data sets that point out of their repository, to files of the machine that reads them or elsewhere.

Their settings may, by the names of files, and so may a cell of an image or a sound, which is opened when it is decoded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import yaml
from huggingface_hub import HfApi, hf_hub_download
from huggingface_hub.repocard import REGEX_YAML_BLOCK

from nc_hf.corpus.files import choose_split, column_text
from nc_hf.corpus.spec import CorpusSpec
from nc_hf.errors import CorpusError, HubError, NCError
from nc_hf.hub.faults import hub_faults

MAX_SETTINGS_BYTES = 1_000_000
_FILES = ("README.md", ".huggingface.yaml")  # where `datasets` looks for ``configs``


def check_inside(dataset: str, token: str | bool | None) -> None:
    """Refuse a data set of the Hub that names files beyond its repository; for readers who do not own the machine.

    Args:
        dataset: its id.
        token: the reader's own; False for none.

    Raises:
        CorpusError: it does, or its settings cannot be read: they are too long, broken, or use aliases.
        HubError: the Hub does not answer, or the reader has no access.
    """
    with hub_faults(dataset, token=token):
        found = HfApi().get_paths_info(dataset, list(_FILES), repo_type="dataset", token=token)
    for file, size in ((entry.path, getattr(entry, "size", None)) for entry in found):
        if size is None:  # a folder
            continue
        if size > MAX_SETTINGS_BYTES:  # before it is fetched: `datasets` reads it whole
            raise CorpusError(
                f"{file} of the data set {dataset} has {size:,} bytes, of {MAX_SETTINGS_BYTES:,} that are read: name "
                "another data set."
            )
        with hub_faults(dataset, token=token):
            path = hf_hub_download(dataset, file, repo_type="dataset", token=token)
        try:
            settings = _parsed(Path(path).read_text(encoding="utf-8-sig"), file)
        except (yaml.YAMLError, ValueError, RecursionError):
            raise CorpusError(
                f"The settings in {file} of {dataset} cannot be read, or use YAML aliases: name another data set."
            ) from None
        if any(_leads_out(name) for name in _strings(settings)):
            raise CorpusError(f"The data set {dataset} names files outside its repository: name another data set.")


def text_alone(rows: Any, column: str, where: str) -> Any:
    """Return the rows of a streamed data set with the column of text and no other, so that no other is decoded.

    Args:
        rows: an ``IterableDataset``.
        column: its name.
        where: what an error calls the data set.

    Raises:
        CorpusError: there is no such column, or it holds something else than plain values.
    """
    from datasets import Value

    if rows.features is None:  # not known before a row is read; then nothing is decoded
        return rows
    plain = {name: "" if isinstance(feature, Value) else None for name, feature in rows.features.items()}
    column_text(plain, column, where)
    return rows.select_columns([column])


class _PlainLoader(yaml.SafeLoader):
    """Refuses aliases: a few lines of them unfold to more than any memory holds, here and where `datasets` reads."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("an alias")
        return super().compose_node(parent, index)


def _parsed(text: str, file: str) -> Any:
    """Read settings as `datasets` does: of a README the block at its head."""
    if file.endswith(".md"):
        block = REGEX_YAML_BLOCK.search(text)
        text = block[2] if block else ""
    return yaml.load(text, Loader=_PlainLoader)


def _strings(settings: Any) -> Iterator[str]:
    """All that the settings of the configurations name as a file or folder."""
    configs = settings.get("configs") if isinstance(settings, dict) else None
    for config in configs if isinstance(configs, list) else []:
        if isinstance(config, dict):
            yield from _leaves([config.get("data_files"), config.get("data_dir")])


def _leaves(value: Any) -> Iterator[str]:
    """Every string within; without aliases each is met once."""
    within = [value]
    while within:
        each = within.pop()
        if isinstance(each, str):
            yield each
        elif isinstance(each, dict | list):
            within.extend(each.values() if isinstance(each, dict) else each)


def _leads_out(name: str) -> bool:
    """Whether a name is absolute, goes upwards, or has a scheme.

    >>> [_leads_out(name) for name in ("data/train-*.parquet", "/etc/passwd", "a/../../b", "file:///x", "~/x")]
    [False, True, True, True, True]
    """
    path = PurePosixPath(name.replace("\\", "/"))
    return path.is_absolute() or ".." in path.parts or ":" in name or name.startswith("~")


def _open_hub(spec: CorpusSpec, split: str, token: str | bool | None) -> tuple[str, Callable[[], Iterator[str]]]:
    """Find the split of a data set on the Hub; it is streamed, so only what is read is fetched."""
    from datasets import load_dataset

    dataset = str(spec.dataset)
    if Path(dataset).exists():  # datasets would take it for the data set
        raise CorpusError(f"A local {dataset!r} hides the data set of that name on the Hub: work in another folder.")
    with _hub_faults(dataset, token):
        splits = load_dataset(dataset, spec.config, streaming=True, token=token)
    chosen = choose_split(split, splits, f"hub:{dataset}")
    return chosen, partial(_read_hub, splits[chosen], dataset, spec.column, token)


def _read_hub(rows: Any, dataset: str, column: str, token: str | bool | None) -> Iterator[str]:

    with _hub_faults(dataset, token):
        for row in text_alone(rows, column, f"hub:{dataset}"):
            yield column_text(row, column, f"hub:{dataset}")


@contextmanager
def _hub_faults(dataset: str, token: str | bool | None) -> Iterator[None]:
    """Turn whatever the libraries between us and the Hub raise into one sentence."""
    from datasets.exceptions import DatasetNotFoundError, DatasetsError

    from nc_hf.hub.faults import way_in

    try:
        yield
    except NCError:
        raise
    except DatasetNotFoundError as error:
        raise HubError(
            f"There is no data set {dataset} on the Hub that you may read: check its name or, if it is private or "
            f"gated, accept its conditions and {way_in(token)}."
        ) from error
    except (DatasetsError, FileNotFoundError, ValueError) as error:
        reason = " ".join(str(error).splitlines()[:2]).rstrip(".")
        raise CorpusError(
            f"The data set {dataset} cannot be opened ({reason}): name a configuration that it has, as in "
            f"hub:{dataset}:CONFIG, or another data set."
        ) from error
    except Exception as error:  # fsspec, pyarrow and the HTTP client have no root in common
        raise HubError(
            f"Reading {dataset} from the Hub failed ({type(error).__name__}): check the network and HF_ENDPOINT, and "
            "try again."
        ) from error
