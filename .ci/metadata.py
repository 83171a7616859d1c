"""What of the package's metadata depends on where it is built: its addresses, and the links of its README.

The repository that a workflow of GitHub builds in (``GITHUB_REPOSITORY``) is where the project lives; a build elsewhere
names no address that it cannot know.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from hatchling.metadata.plugin.interface import MetadataHookInterface

PAPER = "https://arxiv.org/abs/2405.17767"
_TARGET = re.compile(r"(!?)(\[(?:[^\[\]]|\[[^\[\]]*\])*\])\(([^)\s]+)\)")


def repository(environment: Mapping[str, str]) -> str | None:
    """Return the address of the repository that this is built in; None where nothing says it."""
    name = environment.get("GITHUB_REPOSITORY")
    return name and f"{environment.get('GITHUB_SERVER_URL', 'https://github.com')}/{name}"


def urls(address: str | None, version: str) -> dict[str, str]:
    """Return the project's addresses, the paper's alone where the repository is not known."""
    if address is None:
        return {"Paper": PAPER}
    return {
        "Homepage": address,
        "Repository": address,
        "Documentation": f"{address}/tree/v{version}/docs",
        "Changelog": f"{address}/blob/v{version}/CHANGELOG.md",
        "Issues": f"{address}/issues",
        "Security": f"{address}/security/policy",
        "Paper": PAPER,
    }


def with_whole_links(markdown: str, address: str | None, version: str) -> str:
    """Let links into the repository lead to its state of this version, from wherever the text is shown."""
    if address is None:
        return markdown

    def whole(link: re.Match[str]) -> str:
        picture, words, target = link.groups()
        if "://" in target or target.startswith(("#", "mailto:")):
            return link[0]
        return f"{picture}{words}({address}/{'raw' if picture else 'blob'}/v{version}/{target})"

    return _TARGET.sub(whole, markdown)


class Release(MetadataHookInterface):
    """Fills in what pyproject.toml leaves open: ``readme`` and ``urls``."""

    def update(self, metadata: dict[str, object]) -> None:
        """Set both for the repository of this build."""
        address, version = repository(os.environ), str(metadata["version"])
        text = Path(self.root, "README.md").read_text(encoding="utf-8")
        metadata["urls"] = urls(address, version)
        metadata["readme"] = {"content-type": "text/markdown", "text": with_whole_links(text, address, version)}
