"""The table of limits: every part runs, its limits do the work that they are named for, and verdicts follow targets."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch

from tests.paths import ROOT
from tests.scripts import load_script

THREADS = torch.get_num_threads()


@pytest.fixture
def speed(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))  # where its neighbours are
    yield load_script(ROOT / "benchmarks" / "speed.py")
    torch.set_num_threads(THREADS)
    for name in [name for name in sys.modules if name.partition(".")[0] in ("limits", "timing")]:
        del sys.modules[name]


@pytest.mark.slow
@pytest.mark.parametrize(("part", "lines"), [("pairs", 2), ("agreement", 4), ("update", 1), ("errors", 2)])
def test_every_part_prints_its_lines(
    part: str, lines: int, speed: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    speed.main(["--small", "--only", part])
    rows = [row for row in capsys.readouterr().out.splitlines() if row.startswith("| ")][1:]
    assert len(rows) >= lines
    for row in rows:
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert len(cells) == 6
        assert float(cells[2].split()[0]) == float(cells[2].split()[0])  # a number, and no NaN
        assert cells[4] == "", "what is small says nothing of a target"


@pytest.mark.slow
@pytest.mark.parametrize("part", ["passes", "commands"])
def test_measurements_and_commands_run(part: str, speed: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    speed.main(["--small", "--only", part])
    assert capsys.readouterr().out.count("\n| `") == 2


def test_without_a_clone_there_is_no_line_of_it_and_a_folder_that_is_none_is_refused(
    speed: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    speed.main(["--small", "--only", "reference"])
    assert capsys.readouterr().out.endswith("|---|---|\n")
    with pytest.raises(SystemExit, match="is no clone of rhubarbwu/neural-collapse"):
        speed.main(["--small", "--only", "reference", "--reference", str(tmp_path)])


@pytest.mark.parametrize(
    ("measured", "target", "verdict"), [(1.9, 2.0, "met"), (2.1, 2.0, "missed"), (2.0, 2.0, "met"), (9.0, None, "")]
)
def test_a_target_is_met_or_missed(measured: float, target: float | None, verdict: str, speed: ModuleType) -> None:
    line = sys.modules["limits.lines"].Line("work", "limit", measured, target, note="of it")
    assert line.verdict == verdict
    assert f"{measured:.2f} x" in line.row()
    assert verdict in line.row()


def test_the_half_gram_has_each_pair_of_tiles_once(speed: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = __import__("limits.pairs").pairs
    monkeypatch.setattr(pairs.pairwise, "TILE", 7)
    stats = sys.modules["limits.lines"].drawn_statistics(20, 4, 10)
    products: list[tuple[int, ...]] = []
    real = torch.mm
    monkeypatch.setattr(torch, "mm", lambda a, b, out: (products.append(tuple(out.shape)), real(a, b, out=out))[1])
    pairs.half_gram(stats)()
    assert products == [(7, 7), (7, 7), (7, 6), (7, 7), (7, 6), (6, 6)]
