"""The site is built without a warning, says what the repository says, and takes nothing from the network."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import yaml

import nc_hf
from nc_hf import errors
from tests.paths import ROOT
from tests.scripts import load_script

SITE = ROOT / "docs" / "site"
SETTINGS = yaml.safe_load((SITE / "mkdocs.yml").read_text(encoding="utf-8"))
LOADED = re.compile(r"<(?:script|img|iframe|link)\b[^>]*?\b(?:src|href)=[\"']?(?:https?:)?//|@import|url\(https?:")


@pytest.fixture(scope="module")
def hooks() -> ModuleType:
    """What adds pages and mends links."""
    return load_script(SITE / "hooks.py")


def pages_of(nav: list[object]) -> list[str]:
    found: list[str] = []
    for entry in nav:
        value = next(iter(entry.values())) if isinstance(entry, dict) else entry
        found += pages_of(value) if isinstance(value, list) else [str(value)]
    return found


def test_every_document_is_on_the_site(hooks: ModuleType) -> None:
    listed = pages_of(SETTINGS["nav"])
    documents = {path.name for path in (ROOT / "docs").glob("*.md")}
    assert documents | set(hooks.PAGES.values()) == set(listed)
    assert len(listed) == len(set(listed))
    assert all((ROOT / source).is_file() for source in hooks.PAGES)


def test_every_public_name_and_error_has_an_entry() -> None:
    entries = re.findall(r"^::: ([\w.]+)", (ROOT / "docs" / "api.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    for name in set(nc_hf.__all__) - {"__version__"}:
        assert any(entry.endswith(f".{name}") for entry in entries) or f"`{name}`" in text, name
    assert "nc_hf.errors" in entries
    assert all((kind.__doc__ or "").strip() for kind in vars(errors).values() if isinstance(kind, type))


@pytest.mark.slow
def test_it_is_built_without_a_warning_and_needs_no_network(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", SITE / "mkdocs.yml", "-d", tmp_path / "site"]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=280, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "WARNING" not in done.stderr
    built = {path: path.read_text(encoding="utf-8") for path in (tmp_path / "site").rglob("*.html")}
    assert len(built) > len(pages_of(SETTINGS["nav"]))
    for path, html in built.items():
        assert not LOADED.search(html), path
    api = built[tmp_path / "site" / "api" / "index.html"]
    assert all(f'id="nc_hf.errors.{kind}"' in api for kind in ("NCError", "HubError"))
    assert 'id="nc_hf.model.head.ClassifierHead.from_model"' in api
    home = built[tmp_path / "site" / "index.html"]
    assert 'src="recipes/results/mini/loss.png"' in home
    assert (tmp_path / "site" / "recipes" / "results" / "mini" / "loss.png").is_file()
