"""How far a study has come: cells done, running, failed and left, and the time to go."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.text import Text

from nc_hf.study.cost import relative_cost
from nc_hf.study.grid import Cell
from nc_hf.study.ledger import Ledger


class StudyProgress:
    """The display of a study, for whichever launcher runs it.

    In a terminal one line is kept up to date below what is printed; elsewhere each event prints a line. The time to go
    weighs cells by their estimated work, so it does not take the last and largest cells for average ones.

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
        self._console, self._clock = console or Console(), clock
        self._cost = {cell: relative_cost(ledger.study, cell) for cell in cells}
        self.done = [cell for cell in cells if ledger.is_done(cell)]
        self.running: dict[Cell, float] = {}  # the share of its steps that is done
        self.failures: dict[Cell, str] = {}
        self._finished_before = set(self.done)
        self._began = clock()
        self._before: dict[Cell, float] = {}  # the share that an earlier run had done
        self._live: Live | None = None

    @property
    def left(self) -> int:
        """Cells that have not begun."""
        return len(self._cost) - len(self.done) - len(self.running) - len(self.failures)

    @property
    def remaining(self) -> float | None:
        """Seconds to go, at the pace of this run so far; None before there is a pace."""
        settled = set(self.done) | set(self.failures)
        worked = sum(self._cost[cell] for cell in settled - self._finished_before - set(self.failures))
        worked += sum(self._cost[cell] * (share - self._before.get(cell, 0.0)) for cell, share in self.running.items())
        to_do = sum(cost for cell, cost in self._cost.items() if cell not in settled)
        to_do -= sum(self._cost[cell] * share for cell, share in self.running.items())
        seconds = self._clock() - self._began
        return seconds * to_do / worked if worked > 0 and seconds > 0 else None

    def started(self, cell: Cell) -> None:
        """A cell begins, or begins again."""
        self.failures.pop(cell, None)
        self.running[cell] = 0.0
        self._before.pop(cell, None)
        self._say(f"{cell.name}  started")

    def advanced(self, cell: Cell, share: float) -> None:
        """A running cell has done this share of its work; the first share told is what an earlier run had done."""
        self._before.setdefault(cell, share)
        self.running[cell] = share
        self._refresh()

    def finished(self, cell: Cell) -> None:
        """A cell has its rows in the ledger."""
        self.running.pop(cell, None)
        self.done.append(cell)
        self._say(f"{cell.name}  done")

    def failed(self, cell: Cell, why: str) -> None:
        """A cell has ended without rows, and why in one line."""
        self.running.pop(cell, None)
        self.failures[cell] = why
        self._say(f"{cell.name}  FAILED: {why}")

    def line(self) -> str:
        """Say it in one line.

        Returns:
            Such as ``cells: 3 done, 1 running, 0 failed, 20 left; 41 min to go``.
        """
        counts = f"{len(self.done)} done, {len(self.running)} running, {len(self.failures)} failed, {self.left} left"
        remaining = self.remaining
        return f"cells: {counts}" + ("" if remaining is None else f"; {duration(remaining)} to go")

    def __enter__(self) -> StudyProgress:
        """Begin to show."""
        self._began = self._clock()
        if self._console.is_terminal and not self._console.quiet:
            self._live = Live(Text(self.line()), console=self._console, refresh_per_second=1)
            self._live.start()
        else:
            self._say(None)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the last line standing."""
        if self._live is not None:
            self._refresh()
            self._live.stop()
            self._live = None

    def _say(self, event: str | None) -> None:
        if self._live is not None:
            if event is not None:
                self._console.print(event, highlight=False, markup=False)
            self._refresh()
        else:
            shown = self.line() if event is None else f"{event}  [{self.line()}]"
            self._console.print(shown, highlight=False, markup=False, soft_wrap=True)

    def _refresh(self) -> None:
        if self._live is not None:
            self._live.update(Text(self.line()))


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
