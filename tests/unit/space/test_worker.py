"""An analysis: watched, cancelled, and failing in every way."""

from __future__ import annotations

import threading
from typing import Any

import pytest

pytest.importorskip("gradio")

from nc_hf.errors import CancelledError, InputError
from nc_hf.errors.remedies import FrontEnd
from nc_hf.report import Report
from nc_hf.runtime.cage import Limits, run
from nc_hf.runtime.progress import Progress
from nc_hf.space import worker
from nc_hf.space.faults import UnforeseenError
from nc_hf.space.html import sentence
from nc_hf.space.worker import Analysis, measure_in_steps
from tests import caged
from tests.space import request_for
from tests.varied_reports import report as report


def test_a_panic_that_is_no_exception_ends_an_analysis_with_a_sentence() -> None:
    class PanicException(BaseException):
        """As pyo3 raises where the Rust beneath a tokenizer panics."""

    def panic(analysis: Analysis) -> Report:
        raise PanicException("index out of bounds")

    with pytest.raises(UnforeseenError) as fault:
        list(Analysis(panic).steps())
    assert sentence(fault.value, FrontEnd.PAGE) == (
        "Something failed that should not (PanicException): try another model, or again later."
    )


def test_progress_and_the_report_come_in_order(report: Report) -> None:
    seen = threading.Event()
    reading = Progress("measuring", 1, 2, 1.0)

    def task(analysis: Analysis) -> Report:
        analysis.listen(reading)
        assert seen.wait(30)
        return report

    steps = Analysis(task).steps()
    assert next(steps) == reading
    seen.set()
    assert list(steps) == [report]


@pytest.mark.slow
def test_an_analysis_that_says_nothing_new_is_told_at_least_once_a_second(report: Report) -> None:
    heard = threading.Event()

    def task(analysis: Analysis) -> Report:
        analysis.listen(Progress("computing", 0, 0, 5.0))
        assert heard.wait(30)
        return report

    steps = Analysis(task).steps()
    readings = [next(steps), next(steps), next(steps)]
    heard.set()
    assert list(steps)[-1] is report
    seconds = [step.seconds for step in readings if isinstance(step, Progress)]
    assert seconds[0] == 5.0
    assert seconds[1] >= 6.0
    assert seconds[2] >= seconds[1] + 1.0


def test_a_cancelled_analysis_ends_at_its_next_step() -> None:
    cancelled = threading.Event()

    def task(analysis: Analysis) -> Report:
        assert cancelled.wait(30)
        analysis.listen(Progress("measuring", 1, 2, 1.0))
        raise AssertionError("it went on")

    analysis = Analysis(task)
    analysis.cancel()
    cancelled.set()
    with pytest.raises(CancelledError, match="was cancelled"):
        list(analysis.steps())


def test_a_mistake_of_the_visitor_is_raised_as_it_is() -> None:
    def task(analysis: Analysis) -> Report:
        raise InputError("Name a model.")

    with pytest.raises(InputError, match="Name a model"):
        list(Analysis(task).steps())


def test_what_a_cancelled_analysis_reads_in_the_cage_is_ended_and_the_next_one_runs(
    report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Well before any limit of the cage is reached, which here is two hours away."""
    begun = threading.Event()

    def endless(*_: object, **options: Any) -> Report:
        options["progress"](Progress("loading", 0, 0, 0.0))
        begun.set()
        run(caged.wait, limits=Limits(wall_seconds=7_200, cpu_seconds=7_200))
        raise AssertionError("nobody ended it")

    monkeypatch.setattr(worker, "measure", endless)
    hostile = measure_in_steps(request_for("a/b"), False, 1 << 30, 1 << 30)
    assert isinstance(next(hostile), Progress)
    assert begun.wait(30)
    hostile.close()
    monkeypatch.setattr(worker, "measure", lambda *_, **__: report)
    assert list(measure_in_steps(request_for("a/b"), False, 1 << 30, 1 << 30)) == [report]
