"""docs/training.md lists the situations that are tested, and what comes of each."""

from __future__ import annotations

from types import ModuleType

import pytest

from tests.paths import ROOT
from tests.scripts import load_script
from tests.situations.registry import SITUATIONS


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """The script that writes the table."""
    return load_script(ROOT / "docs" / "training.py")


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
