"""Data sets whose own settings point out of their repository: to files of the machine that reads them, or elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import yaml
from huggingface_hub import hf_hub_download, metadata_load
from huggingface_hub.errors import EntryNotFoundError

from nc_hf.errors import CorpusError
from nc_hf.hub.faults import hub_faults

_FILES = ("README.md", ".huggingface.yaml")  # where `datasets` looks for ``configs``


def check_inside(dataset: str, token: str | bool | None) -> None:
    """Refuse a data set of the Hub that names files beyond its repository; for readers who do not own the machine.

    Raises:
        CorpusError: it does, or its settings cannot be read.
        HubError: the Hub does not answer, or the reader has no access.
    """
    for file in _FILES:
        with hub_faults(dataset, token=token):
            try:
                path = hf_hub_download(dataset, file, repo_type="dataset", token=token)
            except EntryNotFoundError:
                continue
        try:  # as `datasets` reads them
            settings = metadata_load(path) if file.endswith(".md") else yaml.safe_load(Path(path).read_bytes())
        except (yaml.YAMLError, ValueError):
            raise CorpusError(f"The settings in {file} of {dataset} cannot be read: name another data set.") from None
        if any(_leads_out(name) for name in _strings(settings)):
            raise CorpusError(f"The data set {dataset} names files outside its repository: name another data set.")


def _strings(settings: Any) -> Iterator[str]:
    """All that the settings of the configurations name as a file or folder."""
    configs = settings.get("configs") if isinstance(settings, dict) else None
    for config in configs if isinstance(configs, list) else []:
        if isinstance(config, dict):
            yield from _leaves([config.get("data_files"), config.get("data_dir")])


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from _leaves(list(value.values()))
    elif isinstance(value, list):
        for each in value:
            yield from _leaves(each)


def _leads_out(name: str) -> bool:
    """Whether a name is absolute, goes upwards, or has a scheme.

    >>> [_leads_out(name) for name in ("data/train-*.parquet", "/etc/passwd", "a/../../b", "file:///x", "~/x")]
    [False, True, True, True, True]
    """
    path = PurePosixPath(name.replace("\\", "/"))
    return path.is_absolute() or ".." in path.parts or ":" in name or name.startswith("~")
