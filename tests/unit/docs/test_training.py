"""docs/training.md lists the situations that are tested, and what comes of each."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType

import pytest

from tests.paths import ROOT
from tests.situations.registry import SITUATIONS


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """The script that writes the table."""
    spec = importlib.util.spec_from_file_location("docs_training", ROOT / "docs" / "training.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_the_table_is_that_of_the_situations(script: ModuleType) -> None:
    assert (ROOT / "docs" / "training.md").read_text(encoding="utf-8") == script.renewed(), (
        "run: python docs/training.py"
    )


def test_every_situation_has_a_row(script: ModuleType) -> None:
    rows = script.table().splitlines()[2:]
    assert len(rows) == len(SITUATIONS)
    assert all(f"| {each.area} | {each.text} | {each.outcome}" in "\n".join(rows) for each in SITUATIONS)


def test_the_text_around_the_table_stays(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    before = script.renewed()
    monkeypatch.setattr(script, "table", lambda: "nothing")
    after = script.renewed()
    assert after.split(script.START)[0] == before.split(script.START)[0]
    assert after.split(script.END)[1] == before.split(script.END)[1]
    assert "nothing" in after
