"""What the settings of a data set on the Hub name as its files: of its repository, or beyond it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import yaml
from huggingface_hub import HfApi, hf_hub_download
from huggingface_hub.repocard import REGEX_YAML_BLOCK

from nc_hf.errors import CorpusError
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
    if any(_leads_out(name) for name in file_names(dataset, token)):
        raise CorpusError(f"The data set {dataset} names files outside its repository: name another data set.")


def file_names(dataset: str, token: str | bool | None) -> Iterator[str]:
    """Yield all that the settings of a data set's configurations name as a file, folder or pattern.

    Raises:
        CorpusError: the settings cannot be read: they are too long, broken, or use aliases.
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
        yield from _strings(settings)


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
