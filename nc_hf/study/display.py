"""How far a study has come: cells done, running, failed and left, and the time to go."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from types import TracebackType

from rich.console import Console
from rich.progress import Progress, Task, TextColumn
from rich.table import Column

from nc_hf.study.advance import Advance
from nc_hf.study.cell import Cell
from nc_hf.study.cost import relative_cost
from nc_hf.study.ledger import Ledger

SILENCE = 30.0
"""Seconds after which a running cell tells what it does, where no line is kept up to date."""


class StudyProgress:
    """The display of a study, for whichever launcher runs it.

    In a terminal one line is kept up to date below what is printed; elsewhere each event prints a line. The time to go
    weighs cells by their estimated work, so it does not take the last and largest cells for average ones. What other
    jobs on the same folder finish meanwhile is done too, and counts for the pace.

    Args:
        cells: all that this run is asked for, those already done too.
        ledger: of the study.
        console: where to show it; default: standard output. A quiet one shows nothing.
        clock: seconds, for tests.

    Attributes:
        done, running, failures: cells by what has become of them; a failed cell's reason stands with it.
    """

    def __init__(
        self,
        cells: Sequence[Cell],
        ledger: Ledger,
        console: Console | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Count what is done already."""
        self._console, self._clock, self._said = console or Console(), clock, clock()
        self._cost = {cell: relative_cost(ledger.study, cell) for cell in cells}
        self._ledger = ledger
        self.done = [cell for cell in cells if ledger.is_done(cell)]
        self.running: dict[Cell, Advance] = {}
        self.failures: dict[Cell, str] = {}
        self._finished_before = set(self.done)
        self._before: dict[Cell, float] = {}  # the share that an earlier run had done
        self._live = self._console.is_interactive and not self._console.quiet
        self._display = Progress(
            TextColumn("{task.description}", markup=False, table_column=Column()),
            console=self._console,
            refresh_per_second=1,
            get_time=clock,
            disable=not self._live,
        )
        self._display.add_task("", total=sum(self._cost.values()), start=False)
        self._refresh()

    @property
    def left(self) -> int:
        """Cells that have not begun."""
        return len(self._cost) - len(self.done) - len(self.running) - len(self.failures)

    @property
    def remaining(self) -> float | None:
        """Seconds to go, at the pace of this run so far; None before there is a pace."""
        task = self._task
        new = set(self.done) - self._finished_before
        worked = sum(self._cost[cell] for cell in new)
        worked += sum(
            self._cost[cell] * (advance.share - self._before.get(cell, 0.0)) for cell, advance in self.running.items()
        )
        return task.elapsed * (task.remaining or 0.0) / worked if worked > 0 and task.elapsed else None

    def started(self, cell: Cell) -> None:
        """A cell begins, or begins again."""
        self._look_at_others()
        self.failures.pop(cell, None)
        self.running[cell] = Advance(0.0)
        self._before.pop(cell, None)
        self._tell(f"{cell.name}  started")

    def advanced(self, cell: Cell, advance: Advance) -> None:
        """A running cell has come so far; what is told first an earlier run had done."""
        self._before.setdefault(cell, advance.share)
        self.running[cell] = advance
        self._refresh()
        if not self._live and self._clock() - self._said >= SILENCE:
            self._say(f"{cell.name}  {advance.doing}  [{self.line()}]")

    def finished(self, cell: Cell) -> None:
        """A cell has its rows in the ledger."""
        self.running.pop(cell, None)
        self.done.append(cell)
        self._look_at_others()
        self._tell(f"{cell.name}  done")

    def failed(self, cell: Cell, why: str) -> None:
        """A cell has ended without rows, and why in one line."""
        self.running.pop(cell, None)
        self.failures[cell] = why
        self._tell(f"{cell.name}  FAILED: {why}")

    def _look_at_others(self) -> None:
        """Count what another job on the folder has finished."""
        known = {*self.done, *self.running, *self.failures}
        self.done += [cell for cell in self._cost if cell not in known and self._ledger.is_done(cell)]

    def line(self) -> str:
        """Say it in one line.

        Returns:
            Such as ``cells: 3 done, 1 running, 0 failed, 20 left; 41 min to go``.
        """
        counts = f"{len(self.done)} done, {len(self.running)} running, {len(self.failures)} failed, {self.left} left"
        remaining = self.remaining
        return f"cells: {counts}" + ("" if remaining is None else f"; {duration(remaining)} to go")

    def under_way(self) -> str:
        """Say in a line for each running cell what it does."""
        return "".join(f"{cell.name}  {advance.doing}\n" for cell, advance in self.running.items() if advance.doing)

    def __enter__(self) -> StudyProgress:
        """Begin to show."""
        self._display.start_task(self._task.id)
        self._display.start()
        if not self._live:
            self._say(self.line())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the last line standing."""
        self._display.stop()

    @property
    def _task(self) -> Task:
        """The whole study, its size and what is done of it in ``relative_cost``; a failed cell is done with."""
        return self._display.tasks[0]

    def _tell(self, event: str) -> None:
        """Print an event, with the line behind it where it is not kept up to date below."""
        self._refresh()
        self._say(event if self._live else f"{event}  [{self.line()}]")

    def _say(self, text: str) -> None:
        self._said = self._clock()
        self._console.print(text, highlight=False, markup=False, soft_wrap=not self._live)

    def _refresh(self) -> None:
        settled = sum(self._cost[cell] for cell in (*self.done, *self.failures))
        under_way = sum(self._cost[cell] * advance.share for cell, advance in self.running.items())
        self._display.update(self._task.id, completed=settled + under_way)
        self._display.update(self._task.id, description=self.under_way() + self.line())


def duration(seconds: float) -> str:
    """Write a time as one would say it.

    >>> duration(42), duration(1500), duration(4000), duration(400000), duration(4e8)
    ('42 s', '25 min', '1.1 h', '4.6 days', '12.7 years')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{seconds / 60:.0f} min"
    days = seconds / 86400
    if days < 2:
        return f"{seconds / 3600:.1f} h"
    if days < 730:
        return f"{days:.1f} days" if days < 100 else f"{days:.0f} days"
    return f"{days / 365.25:,.1f} years"
