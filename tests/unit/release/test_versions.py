"""One version, wherever it stands."""

from __future__ import annotations

import re
import tomllib

import yaml

from nc_hf.runtime.version import VERSION
from tests.paths import ROOT


def test_every_place_names_the_same_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    headings = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert {project["version"], citation["version"], headings[0]} == {VERSION}


def test_the_release_asks_for_what_is_there() -> None:
    """The workflow compares the tag with these lines before it builds."""
    workflow = (ROOT / ".github" / "workflows" / "release.yml").read_text(encoding="utf-8")
    asked = re.findall(r'^ +grep -qx? "(.+)" (\S+)$', workflow, flags=re.MULTILINE)
    assert [file for _, file in asked] == ["pyproject.toml", "nc_hf/runtime/version.py", "CHANGELOG.md"]
    for line, file in asked:
        wanted = line.replace('\\"', '"').replace("$version", VERSION)
        assert re.search(rf"^{wanted}", (ROOT / file).read_text(encoding="utf-8"), flags=re.MULTILINE), file
