"""What mkdocs cannot know by itself: pages that lie elsewhere in the repository, and where links lead."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File
from nbconvert import MarkdownExporter

ROOT = Path(__file__).resolve().parents[2]
PAGES = {
    "README.md": "index.md",
    "recipes/README.md": "study.md",
    "recipes/results/mini/README.md": "mini.md",
    "docs/quickstart.ipynb": "quickstart.md",
}
"""Sources outside of docs/, or in another form, and the pages that they become."""

PICTURES = "recipes/results/mini"
_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\(([^)\s]+)\)")


def on_files(files: Any, config: Any) -> Any:
    """Add the pages that do not lie in docs/ as Markdown, and the pictures that they show."""
    for source, page in PAGES.items():
        files.append(File.generated(config, page, content=_text(ROOT / source)))
    for picture in sorted((ROOT / PICTURES).glob("*.png")):
        files.append(File.generated(config, f"{PICTURES}/{picture.name}", abs_src_path=str(picture)))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Let links lead to pages of the site; what the repository alone has is named without a link."""
    source = next((source for source, made in PAGES.items() if made == page.file.src_uri), f"docs/{page.file.src_uri}")
    return _LINK.sub(lambda link: _linked(link, Path(source).parent.as_posix(), files), markdown)


def _linked(link: re.Match[str], folder: str, files: Any) -> str:
    picture, words, target = link.groups()
    path, mark, anchor = target.partition("#")
    if "://" in target or not path:
        return link[0]
    found = os.path.normpath(os.path.join(folder, path))
    place = PAGES.get(found) or PAGES.get(f"{found}/README.md") or found.removeprefix("docs/")
    if files.get_file_from_path(place) is None:
        return words
    return f"{picture}[{words}]({place}{mark}{anchor})"


def _text(path: Path) -> str:
    """Return a page's Markdown; of a notebook its cells with what they printed."""
    if path.suffix == ".ipynb":
        return str(MarkdownExporter().from_filename(str(path))[0])
    return path.read_text(encoding="utf-8")
