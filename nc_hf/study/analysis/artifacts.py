"""The two files published beside *Linguistic Collapse* (arXiv 2405.17767), fetched once and checked byte for byte.

They carry no licence, so nc_hf does not redistribute them: it fetches them at one commit of the authors' repository,
or reads a copy that the user has.
"""

from __future__ import annotations

import hashlib
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path

from huggingface_hub import cached_assets_path

from nc_hf.errors import StudyError
from nc_hf.runtime.files import write_atomically

REPOSITORY = "rhubarbwu/linguistic-collapse"
COMMIT = "9e250206e47ef07a999d3e90f034d4dd07ee58d4"
BASE_URL = f"https://raw.githubusercontent.com/{REPOSITORY}/{COMMIT}/artifacts"
MAY = "lc-2024_05_18.csv"
OCTOBER = "lc-2024_10_24.csv"
SHA256: Mapping[str, str] = {
    MAY: "a8a43624be87fb380dee400b438dbfc1aef922f57ce319b7a2b70696fe30387f",
    OCTOBER: "8496ad8ab0816948e2d28b1951f7adcd6d5cdca91874ba8fffda1e28ad90511e",
}
TIMEOUT = 30.0


def published_folder(path: str | Path | None = None) -> Path:
    """Find the folder that holds both published files, downloading them if no path is given.

    Args:
        path: The folder, or either of the two files in it; None for the cache, filled from the authors' repository at
            the pinned commit when it is empty.

    Returns:
        A folder in which both files have the published sha256.

    Raises:
        StudyError: If a file is missing, has another hash, or cannot be downloaded.
    """
    if path is None:
        folder = cached_assets_path("nc_hf", namespace="published", subfolder=COMMIT[:7])
        for name in SHA256:
            if not (folder / name).exists():
                download(f"{BASE_URL}/{name}", SHA256[name], folder / name)
    else:
        folder = Path(path).parent if Path(path).is_file() else Path(path)
    for name, expected in SHA256.items():
        check(folder / name, expected)
    return folder


def check(path: Path, expected: str) -> None:
    """Refuse a file that is not, byte for byte, the published one.

    Args:
        path: The file.
        expected: Its sha256, in hexadecimal.

    Raises:
        StudyError: If the file cannot be read or has another hash.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise StudyError(
            f"{path} cannot be read ({error.strerror}): give --published the folder that holds {' and '.join(SHA256)}."
        ) from error
    found = hashlib.sha256(content).hexdigest()
    if found != expected:
        raise StudyError(
            f"{path} is not the published file (sha256 {found[:12]}…, expected {expected[:12]}…): "
            f"remove it and fetch artifacts/{path.name} of {REPOSITORY} at commit {COMMIT[:7]} again."
        )


def download(url: str, expected: str, target: Path) -> None:
    """Fetch a file over HTTP(S); the target appears whole and checked, or not at all.

    Args:
        url: Where the file is.
        expected: The sha256 of its content, in hexadecimal.
        target: Where it goes.

    Raises:
        StudyError: If it cannot be fetched, or what arrives has another hash.
    """
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as response:
            content = response.read()
    except (OSError, HTTPException) as error:
        raise StudyError(
            f"{url} cannot be downloaded ({error}): connect to the network, or name a copy with --published PATH."
        ) from error
    found = hashlib.sha256(content).hexdigest()
    if found != expected:
        raise StudyError(
            f"what {url} sent is not the published file (sha256 {found[:12]}…, expected {expected[:12]}…): "
            "try another network, or name a copy with --published PATH."
        )
    write_atomically(target, lambda partial: write_content(partial, content))


def write_content(path: Path, content: bytes) -> None:
    """Write a file's bytes."""
    path.write_bytes(content)
