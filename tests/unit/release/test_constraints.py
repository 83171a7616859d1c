"""The matrix of the workflow tries what pyproject.toml admits: its oldest releases, and none that it forbids."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

from tests.paths import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
FOLDER = ROOT / ".github" / "constraints"
# Of tools for developing and for the site the day's releases are taken.
EXTRAS = PROJECT["optional-dependencies"].keys() - {"dev", "docs"}
WORKFLOW: dict[str, Any] = yaml.safe_load((ROOT / ".github" / "workflows" / "tests.yml").read_text(encoding="utf-8"))


def admitted() -> dict[str, Requirement]:
    lists = [PROJECT["dependencies"], *(PROJECT["optional-dependencies"][extra] for extra in EXTRAS)]
    found = [Requirement(line) for each in lists for line in each]
    return {each.name: each for each in found if each.name != PROJECT["name"]}


def pinned(bounds: str) -> dict[str, Version]:
    lines = (FOLDER / f"{bounds}.txt").read_text(encoding="utf-8").splitlines()
    found = [Requirement(line) for line in lines if not line.startswith("#")]
    return {each.name: Version(str(each.specifier).removeprefix("==")) for each in found}


def lowest(requirement: Requirement) -> Version:
    (bound,) = (each.version for each in requirement.specifier if each.operator == ">=")
    return Version(bound)


def test_the_oldest_are_the_lower_bounds() -> None:
    assert pinned("oldest") == {name: lowest(each) for name, each in admitted().items()}
    assert len(admitted()) > 20


def test_the_newest_are_all_named_and_admitted() -> None:
    newest = pinned("newest")
    assert newest.keys() == admitted().keys()
    assert [name for name, each in admitted().items() if newest[name] not in each.specifier] == []
    assert [name for name, version in pinned("oldest").items() if version > newest[name]] == []


@pytest.mark.parametrize("bounds", ["oldest", "newest"])
def test_the_workflow_tries_them_with_their_torch(bounds: str) -> None:
    rows = [row for row in WORKFLOW["jobs"]["matrix"]["strategy"]["matrix"]["include"] if row["bounds"] == bounds]
    assert rows
    assert {Version(row["torch"]) for row in rows} == {pinned(bounds)["torch"]}
    assert Path(WORKFLOW["jobs"]["matrix"]["env"]["PIP_CONSTRAINT"].replace("${{ matrix.bounds }}", bounds)) == Path(
        ".github/constraints", f"{bounds}.txt"
    )


def test_every_python_that_is_claimed_is_tried() -> None:
    claimed = {
        match[1]
        for line in PROJECT["classifiers"]
        if (match := re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", line))
    }
    tried = {row["python"] for row in WORKFLOW["jobs"]["matrix"]["strategy"]["matrix"]["include"]}
    assert tried == claimed
    assert f">={min(claimed, key=Version)}" == PROJECT["requires-python"]
