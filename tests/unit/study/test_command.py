"""The command of a study: which cells it runs and in what order, and how it ends when something is wrong."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import pytest
from rich.console import Console

from nc_hf.errors import CorpusError, InputError, StudyError
from nc_hf.study.cell import Cell
from nc_hf.study.command import cells_of, run_study, study_command
from nc_hf.study.display import StudyProgress
from nc_hf.study.grid import Study
from nc_hf.study.ledger import Ledger
from nc_hf.study.preset import load_study
from nc_hf.study.report import METRIC_COLUMNS, OUTCOMES


@pytest.fixture
def study() -> Study:
    return load_study("smoke").changed(depth=1, seed=(0, 1))


class FakeLauncher:
    """Enters a row for each cell, or a failure for those that are to fail."""

    def __init__(self, failing: Sequence[Cell] = ()) -> None:
        self.failing = failing
        self.ran: list[Cell] = []

    def __call__(self, study: Study, cells: Sequence[Cell], ledger: Ledger, progress: StudyProgress) -> None:
        for cell in cells:
            self.ran.append(cell)
            progress.started(cell)
            if cell in self.failing:
                ledger.record_failure(cell, "Traceback")
                progress.failed(cell, "out of memory.")
            else:
                values = dict.fromkeys((*OUTCOMES, "perplexity", *METRIC_COLUMNS), 0.5 + cell.seed + cell.width / 100)
                ledger.record(cell, [cell.settings | {"saved_epoch": 0} | values])
                progress.finished(cell)


def run(study: Study, cells: Sequence[Cell], output: Path, launcher: FakeLauncher) -> str:
    text = io.StringIO()
    run_study(study, cells, output, launcher, Console(file=text, width=200))
    return text.getvalue()


@pytest.mark.slow
def test_cells_that_are_done_are_not_run_again(tmp_path: Path, study: Study) -> None:
    first, again = FakeLauncher(), FakeLauncher()
    assert "  started" in run(study, study.cells[:2], tmp_path, first)
    assert first.ran == study.cells[:2]
    said = run(study, study.cells[:3], tmp_path, again)
    assert again.ran == study.cells[2:3]
    assert said.startswith("cells: 2 done, 0 running, 0 failed, 1 left")
    assert "cells:" not in run(study, study.cells[:3], tmp_path, FakeLauncher())
    assert {"results.csv", "timings.csv", "collapse_vs_loss.png"} <= {path.name for path in tmp_path.iterdir()}


@pytest.mark.slow
def test_a_cell_that_failed_is_told_and_comes_last_the_next_time(tmp_path: Path, study: Study) -> None:
    first, *others = study.cells
    with pytest.raises(StudyError) as caught:
        run(study, study.cells, tmp_path, FakeLauncher([first]))
    assert str(caught.value) == (
        f"1 of 4 cells failed ({first.name}: out of memory): read {tmp_path / 'failures'}, and start again to go on "
        "with them."
    )
    assert (tmp_path / "results.csv").exists()  # of the others
    with pytest.raises(StudyError, match=r"2 of 4 cells failed .*, and others"):
        run(study, study.cells, tmp_path / "other", FakeLauncher(study.cells[:2]))
    for cell in others[1:]:
        (tmp_path / "cells" / f"{cell.name}.json").unlink()
    again = FakeLauncher()
    run(study, study.cells, tmp_path, again)
    assert again.ran == [*others[1:], first]


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"batch_size": 0}, "give a number from 1"), ({"lr_scheduler": "stairs"}, "the Trainer knows")],
)
def test_what_cannot_be_trained_is_refused_before_a_folder_is_made(
    tmp_path: Path, study: Study, changes: dict[str, object], said: str
) -> None:
    launcher = FakeLauncher()

    def start() -> None:
        other = study.changed(**changes)
        run(other, other.cells, tmp_path / "out", launcher)

    with pytest.raises(StudyError, match=said):
        start()
    assert not launcher.ran
    assert not (tmp_path / "out").exists()


def test_shards_count_from_one_and_make_up_the_whole(study: Study) -> None:
    assert cells_of(study, None) == study.cells
    parts = [cells_of(study, f"{number}/3") for number in (1, 2, 3)]
    assert sorted(cell.name for part in parts for cell in part) == sorted(cell.name for cell in study.cells)


@pytest.mark.parametrize("part", ["half", "1/", "-1/2", "0/2", "3/2"])
def test_a_shard_that_cannot_be_is_refused(study: Study, part: str) -> None:
    with pytest.raises(InputError) as caught:
        cells_of(study, part)
    assert str(caught.value) == f"{part!r} is no shard: write i/n with i from 1 to n, such as 1/4."


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (StudyError("a width of 30 does not fit: change it."), 8, "grid: a width of 30 does not fit: change it.\n"),
        (CorpusError("there is no file: check the path."), 3, "grid: there is no file: check the path.\n"),
        (KeyboardInterrupt(), 130, "\ngrid: interrupted; the same command goes on from here.\n"),
    ],
)
def test_what_goes_wrong_is_one_line_and_an_exit_code(
    capsys: pytest.CaptureFixture[str], error: BaseException, code: int, said: str
) -> None:
    with pytest.raises(SystemExit) as left, study_command("grid"):
        raise error
    assert left.value.code == code
    assert capsys.readouterr().err == said


def test_an_error_that_nobody_foresaw_keeps_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError), study_command("grid"):
        raise ZeroDivisionError
