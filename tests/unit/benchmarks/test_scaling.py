"""The tables of growth: each thing that grows has its rows, and each row says by how much."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import ModuleType

import pytest
import torch

from tests.paths import ROOT
from tests.scripts import load_script

THREADS = torch.get_num_threads()


@pytest.fixture
def scaling(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))  # where its neighbours are
    yield load_script(ROOT / "benchmarks" / "scaling.py")
    torch.set_num_threads(THREADS)
    for name in [name for name in sys.modules if name.partition(".")[0] in ("limits", "timing")]:
        del sys.modules[name]


@pytest.mark.slow
def test_each_row_stands_beside_the_one_before(scaling: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    scaling.main(["--small"])
    tables = capsys.readouterr().out.split("\n\n")[1:]
    assert [table.split()[1] for table in tables] == list(scaling.GROWTH)
    for table in tables:
        rows = [[cell.strip() for cell in row.split("|")[1:-1]] for row in table.splitlines()[2:]]
        assert len(rows) == 2
        assert rows[0][2] == ""
        assert rows[1][2].endswith(" x")
        assert float(rows[1][2].split()[0]) > 0
        assert [int(row[0].replace(",", "")) for row in rows] == sorted(int(row[0].replace(",", "")) for row in rows)
