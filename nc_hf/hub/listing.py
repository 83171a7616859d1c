"""What lies in a repository or folder, and the small files that tell what the large ones are."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from huggingface_hub import HfApi, constants, hf_hub_download, snapshot_download
from huggingface_hub.errors import OfflineModeIsEnabled
from huggingface_hub.hf_api import RepoFile

from nc_hf.errors import ModelError
from nc_hf.hub.faults import hub_faults
from nc_hf.hub.reference import Reference
from nc_hf.hub.room import shown_bytes

_TOKENIZER_FILE = re.compile(
    r"(tokenizer|vocab|merges|special_tokens|added_tokens)[\w.-]*\.(json|txt)|[\w.-]+\.(model|tiktoken)"
)
_MAX_SMALL_BYTES = 100_000_000  # the largest tokenizers have a third of this
# JSON takes some twenty times its length as objects: `[],` is 3 bytes, and 64 as an empty list in a list.
_MAX_JSON_BYTES = {"config.json": 4_000_000, "adapter_config.json": 4_000_000, "tokenizer_config.json": 16_000_000}
_MAX_INDEX_BYTES = 32_000_000


@dataclass(frozen=True)
class Listing:
    """The files at the root of a repository's commit or of a folder.

    Attributes:
        name: Hub id, or the folder as it was written.
        revision: branch, tag or commit that was asked for.
        commit: what it pointed to when looked up; None for a folder.
        sizes: bytes of each file, as the Hub or the disk says.
        folder: where they are, if they are on this machine.
        sha256: of each file that the Hub keeps outside of git, as it keeps weights, in hexadecimal.
        blobs: what git calls the content of each file of the Hub: equal means the same bytes.
        originals: models of the Hub that this one was made of, as its page says.
    """

    name: str
    revision: str | None
    commit: str | None
    sizes: dict[str, int]
    folder: Path | None
    sha256: dict[str, str] = field(default_factory=dict)
    blobs: dict[str, str] = field(default_factory=dict)
    originals: tuple[str, ...] = ()

    def tokenizer_files(self) -> list[str]:
        """Name the files of which a tokenizer may be made."""
        return sorted(file for file in self.sizes if is_of_tokenizer(file))

    def model_folders(self, token: str | bool | None = None) -> list[str]:
        """Name the folders below that hold a ``config.json``, in order.

        Raises:
            HubError: the Hub does not list them.
        """
        if self.folder:
            return sorted(path.parent.name for path in self.folder.glob("*/config.json"))
        with hub_faults(self.name, self.revision, token):
            tree = HfApi(token=token).list_repo_tree(self.name, revision=self.commit, recursive=True)
            found = [file.path for file in tree if isinstance(file, RepoFile)]
        return sorted(path.removesuffix("/config.json") for path in found if path.endswith("/config.json"))

    def check_small(self, *files: str) -> None:
        """Refuse files that would be fetched without a further look and are of a size that they never have.

        Raises:
            ModelError: if there is one.
        """
        for file in files:
            most = _MAX_INDEX_BYTES if file.endswith(".index.json") else _MAX_JSON_BYTES.get(file, _MAX_SMALL_BYTES)
            if self.sizes[file] > most:
                size = shown_bytes(self.sizes[file])
                raise ModelError(f"{file} of {self.name} has {size}, which cannot be right: name another model.")

    def read_small(self, file: str, token: str | bool | None = None) -> bytes:
        """Read such a file and leave nothing of it in the client's cache.

        Raises:
            HubError: if it does not come.
            ModelError: if it is of a size that such a file never has.
        """
        self.check_small(file)
        if self.folder:
            return (self.folder / file).read_bytes()
        with hub_faults(self.name, self.revision, token), TemporaryDirectory(prefix="nc_hf_") as place:
            path = hf_hub_download(self.name, file, revision=self.commit, token=token, local_dir=place)
            return Path(path).read_bytes()

    def fetch_small(self, file: str, token: str | bool | None = None) -> Path:
        """Fetch a file that is read before much is known of the model, and give its place on this machine.

        Raises:
            HubError: if it does not come.
            ModelError: if it is of a size that such a file never has.
        """
        self.check_small(file)
        if self.folder:
            return self.folder / file
        with hub_faults(self.name, self.revision, token):
            # By name first: that makes the client note the commit for HF_HUB_OFFLINE. The commit's file is what counts.
            hf_hub_download(self.name, file, revision=self.revision, token=token)
            return Path(hf_hub_download(self.name, file, revision=self.commit, token=token))


def is_of_tokenizer(file: str) -> bool:
    """Whether a file is one of those of which a tokenizer may be made, its settings included.

    >>> is_of_tokenizer("tokenizer.json"), is_of_tokenizer("tokenizer_config.json"), is_of_tokenizer("config.json")
    (True, True, False)
    """
    return _TOKENIZER_FILE.fullmatch(file) is not None


def look_up(asked: Reference, token: str | bool | None = None) -> Listing:
    """List the files that a reference means, at the commit it points to now.

    Raises:
        HubError: if the Hub does not say.
    """
    if asked.folder:
        return Listing(asked.id, None, None, _sizes(asked.folder), asked.folder)
    api = HfApi(token=token)
    with hub_faults(asked.id, asked.revision, token):
        try:
            info = api.model_info(asked.id, revision=asked.revision, timeout=constants.HF_HUB_ETAG_TIMEOUT)
        except OfflineModeIsEnabled:
            return _look_into_cache(asked)
        # Mirrors leave the sizes out of what they say of a model, but not out of its tree.
        tree = api.list_repo_tree(asked.id, revision=info.sha)
        files = [file for file in tree if isinstance(file, RepoFile)]
    return Listing(
        asked.id,
        asked.revision,
        info.sha,
        {file.path: file.size for file in files},
        None,
        {file.path: file.lfs.sha256 for file in files if file.lfs},
        {file.path: file.blob_id for file in files},
        _originals(info.tags or ()),
    )


def _originals(tags: Iterable[str]) -> tuple[str, ...]:
    """Read the models of the tags ``base_model:OWNER/NAME``, which the Hub sets by a model's card.

    >>> _originals(["gguf", "base_model:a/b", "base_model:quantized:a/b"])
    ('a/b',)
    """
    named = (tag.rpartition(":")[2] for tag in tags if tag.startswith("base_model:"))
    return tuple(dict.fromkeys(name for name in named if "/" in name))


def _look_into_cache(asked: Reference) -> Listing:
    """List what the client fetched earlier; a model of which only the first files came counts as missing."""
    folder = Path(snapshot_download(asked.id, revision=asked.revision, local_files_only=True))
    sizes = _sizes(folder)
    if "config.json" in sizes and not any(file.endswith(".safetensors") for file in sizes):
        raise OfflineModeIsEnabled
    return Listing(asked.id, asked.revision, folder.name, sizes, folder)


def _sizes(folder: Path) -> dict[str, int]:
    return {file.name: file.stat().st_size for file in folder.iterdir() if file.is_file()}
