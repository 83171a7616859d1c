"""A package that is not there is named with the extra that installs it, and each extra is one of pyproject.toml."""

from __future__ import annotations

import re
import sys
import tomllib
from importlib import metadata

import pytest

from nc_hf.errors import InputError
from nc_hf.runtime.extras import require
from tests.paths import ROOT

CALLS = re.compile(r'\brequire\(\s*f?"[^"]*", "(\w+)", ([^)]*)\)')
FOUND = [
    (path.relative_to(ROOT).as_posix(), extra, re.findall(r'"(\w+)"', packages))
    for path in (ROOT / "nc_hf").rglob("*.py")
    for extra, packages in CALLS.findall(path.read_text(encoding="utf-8"))
]


def installed_by(extra: str) -> set[str]:
    """Return the distributions that an extra asks for, those of the extras that it takes in included."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    found: set[str] = set()
    for line in extras[extra]:
        name, own = re.match(r"([\w.-]+)(?:\[([\w,]+)\])?", line).groups()  # type: ignore[union-attr]
        found |= set().union(*map(installed_by, own.split(","))) if name == "nc_hf" else {name}
    return found


def test_what_is_missing_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    require("tables need", "study", "json", "re")
    with pytest.raises(InputError, match=r"^tables need pandas: pip install 'nc_hf\[study\]'\.$"):
        require("tables need", "study", "json", "pandas")
    with pytest.raises(InputError, match=r"^tables need no_such_package and pandas: "):
        require("tables need", "study", "no_such_package", "pandas")


def test_the_calls_are_found() -> None:
    assert {"study", "space", "peft", "ray"} <= {extra for _, extra, _ in FOUND}


@pytest.mark.slow
@pytest.mark.parametrize(("file", "extra", "packages"), FOUND, ids=[file for file, *_ in FOUND])
def test_the_extra_installs_the_packages(file: str, extra: str, packages: list[str]) -> None:
    homes = metadata.packages_distributions()
    assert packages, file
    for package in packages:
        assert {home.lower() for home in homes[package]} & installed_by(extra), f"{extra} does not install {package}"
