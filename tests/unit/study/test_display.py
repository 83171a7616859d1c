"""The display of a study: counts, the time to go, and plain lines where there is no terminal."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from nc_hf.study.advance import Advance, training
from nc_hf.study.cost import relative_cost
from nc_hf.study.display import StudyProgress
from nc_hf.study.grid import Study
from nc_hf.study.ledger import Ledger
from nc_hf.study.preset import load_study

SMOKE = "smoke"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def study() -> Study:
    return load_study(SMOKE).changed(width=32, depth=(1, 2), seed=(0, 1))


@pytest.fixture
def clock() -> Clock:
    return Clock()


def opened(study: Study, folder: Path, clock: Clock, text: io.StringIO) -> StudyProgress:
    return StudyProgress(study.cells, Ledger(folder, study), Console(file=text, width=200), clock)


def test_the_time_to_go_weighs_cells_by_their_work(tmp_path: Path, study: Study, clock: Clock) -> None:
    small, _, large, _ = study.cells
    with opened(study, tmp_path, clock, io.StringIO()) as progress:
        assert progress.remaining is None
        progress.started(small)
        clock.now = 10.0
        progress.finished(small)
        cost = {cell: relative_cost(study, cell) for cell in study.cells}
        rate = cost[small] / 10
        to_do = sum(cost.values()) - cost[small]
        assert progress.remaining == pytest.approx(to_do / rate)
        progress.started(large)
        clock.now = 30.0
        progress.advanced(large, Advance(0.0))
        progress.advanced(large, Advance(0.5))
        done = cost[small] + cost[large] / 2
        assert progress.remaining == pytest.approx(30 * (sum(cost.values()) - done) / done)


def test_what_an_earlier_run_did_took_no_time_of_this_one(tmp_path: Path, study: Study, clock: Clock) -> None:
    first, second, *_ = study.cells
    Ledger(tmp_path, study).record(first, [{"val_loss": 1.0}])
    with opened(study, tmp_path, clock, io.StringIO()) as progress:
        assert (len(progress.done), progress.left, progress.remaining) == (1, 3, None)
        progress.started(second)
        clock.now = 5.0
        progress.advanced(second, Advance(0.6))  # as far as it was when it was killed
        assert progress.remaining is None
        progress.advanced(second, Advance(0.8))
        cost = {cell: relative_cost(study, cell) for cell in study.cells}
        to_do = sum(cost[cell] for cell in study.cells[1:]) - 0.8 * cost[second]
        assert progress.remaining == pytest.approx(5 * to_do / (0.2 * cost[second]))


def test_each_event_is_a_line_where_there_is_no_terminal(tmp_path: Path, study: Study, clock: Clock) -> None:
    text = io.StringIO()
    first, second, third, _ = study.cells
    with opened(study, tmp_path, clock, text) as progress:
        progress.started(first)
        clock.now = 100.0
        progress.finished(first)
        progress.started(second)
        progress.failed(second, "out of memory")
        progress.started(third)
    lines = text.getvalue().splitlines()
    assert lines[0] == "cells: 0 done, 0 running, 0 failed, 4 left"
    assert lines[1].startswith(f"{first.name}  started")
    assert lines[4].startswith(f"{second.name}  FAILED: out of memory  [cells: 1 done, 0 running, 1 failed, 2 left; ")
    assert lines[4].endswith(" min to go]")
    assert len(lines) == 6


def test_a_running_cell_tells_what_it_does(tmp_path: Path, study: Study, clock: Clock) -> None:
    text = io.StringIO()
    first, *_ = study.cells
    with opened(study, tmp_path, clock, text) as progress:
        progress.started(first)
        progress.advanced(first, training(0, 80, None, None))
        clock.now = 29.0
        progress.advanced(first, training(20, 80, 4.25, 1234.0))
        clock.now = 31.0
        progress.advanced(first, training(40, 80, 3.5, 1234.0))
        clock.now = 33.0
        progress.advanced(first, training(41, 80, 3.5, 1234.0))
    lines = text.getvalue().splitlines()
    assert len(lines) == 3  # once in thirty seconds
    assert lines[2].startswith(f"{first.name}  step 40 of 80, loss 3.500, 1,234 tokens/s  [cells: 0 done, 1 running, ")
    assert lines[2].endswith(" to go]")
    assert progress.under_way() == f"{first.name}  step 41 of 80, loss 3.500, 1,234 tokens/s\n"


def test_a_cell_that_is_begun_again_is_no_failure_any_more(tmp_path: Path, study: Study, clock: Clock) -> None:
    first = study.cells[0]
    with opened(study, tmp_path, clock, io.StringIO()) as progress:
        progress.started(first)
        progress.failed(first, "a lost node")
        progress.started(first)
        assert not progress.failures
        progress.finished(first)
    assert (len(progress.done), progress.left) == (1, 3)


def test_one_line_is_kept_up_to_date_in_a_terminal(tmp_path: Path, study: Study, clock: Clock) -> None:
    text = io.StringIO()
    console = Console(file=text, width=100, force_terminal=True, force_interactive=True, color_system=None)
    first, second, *_ = study.cells
    with StudyProgress(study.cells, Ledger(tmp_path, study), console, clock) as progress:
        assert "cells: 0 done, 0 running, 0 failed, 4 left" in text.getvalue()
        progress.started(first)
        clock.now = 100.0
        progress.finished(first)
        progress.started(second)
        progress.failed(second, "out of [memory]")
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text.getvalue()).replace("\r", "\n")
    events = [line.rstrip() for line in shown.splitlines() if line.startswith("0")]
    assert events == [
        f"{first.name}  started",
        f"{first.name}  done",
        f"{second.name}  started",
        f"{second.name}  FAILED: out of [memory]",
    ]
    last = shown.splitlines()[-1].rstrip()
    assert last == progress.line()
    assert last.startswith("cells: 1 done, 0 running, 1 failed, 2 left; ")


def test_other_ranks_are_silent(tmp_path: Path, study: Study, clock: Clock) -> None:
    text = io.StringIO()
    console = Console(file=text, quiet=True)
    with StudyProgress(study.cells, Ledger(tmp_path, study), console, clock) as progress:
        progress.started(study.cells[0])
        progress.finished(study.cells[0])
    assert text.getvalue() == ""


def test_what_another_job_finishes_is_done_and_counts_for_the_pace(tmp_path: Path, study: Study, clock: Clock) -> None:
    mine, others, *_ = study.cells
    with opened(study, tmp_path, clock, io.StringIO()) as progress:
        progress.started(mine)
        Ledger(tmp_path, study).record(others, [{"val_loss": 1.0}])
        clock.now = 10.0
        progress.finished(mine)
        assert progress.left == 2
        assert progress.line().startswith("cells: 2 done, 0 running, 0 failed, 2 left")
        cost = {cell: relative_cost(study, cell) for cell in study.cells}
        done = cost[mine] + cost[others]
        assert progress.remaining == pytest.approx(10 * (sum(cost.values()) - done) / done)
