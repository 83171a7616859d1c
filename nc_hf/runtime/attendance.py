"""Which ranks are lost: each has a heart that beats in the store of their process group.

A collective that a rank never joins cannot be given up by the others. So they meet before each, where whoever waits
sees who is still alive, and all of them, the late ones too, are told the same: that everybody is there, or who is lost.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Condition, Thread
from typing import Any

from nc_hf.errors import ProcessError

SILENCE = 120.0
"""Seconds without a heartbeat after which a rank is lost, if `VARIABLE` sets no other number."""
VARIABLE = "NC_HF_RANK_SILENCE"
_ALL, _LEFT = "all", "left"
_BROKEN = "nc_hf/broken"  # who was lost in the middle of a collective, after which there can be no other
_NO_MEETING = 1 << 62  # to which nobody comes, so that every heart counts
_SHORTEST, _LONGEST = 0.0005, 0.02  # seconds between two looks at whether everybody is there
_KEEPER = "The process that the others meet through (process 0, or the launcher) has ended or is silent: start again."


class Attendance:
    """The heart of this rank, and its eye on the others.

    All that is asked of the store is asked in a thread, since nobody may ever answer.

    Args:
        store: of the process group.
        rank: of this process, among ``size``.
        silence: seconds without a heartbeat after which a rank is lost.
        patience: seconds after which a rank that lives and does not come is lost too.

    Attributes:
        ends: called with a sentence when a rank is lost while this one is in no meeting: it may be in a collective
            that never ends.
    """

    def __init__(self, store: Any, rank: int, size: int, *, silence: float, patience: float) -> None:
        """Let the heart beat."""
        self.ends: Callable[[str], None] | None = None
        self._roll = _Roll(store, rank, size, silence, patience)
        self._pace = self._roll.pace
        self._condition = Condition()
        self._wanted, self._answered, self._gone, self._leaving = 0, 0, False, False
        self._in_doubt, self._found = False, ""
        self._thread = Thread(target=self._run, name="nc_hf attendance", daemon=True)
        self._thread.start()

    def meet(self) -> None:
        """Wait until every rank has come here.

        Raises:
            ProcessError: one of them is lost; on every rank that comes, whenever it comes.
        """
        with self._condition:
            self._wanted += 1
            self._condition.notify_all()
            answered, waits = self._answered, 0  # not by the clock, which runs on while a process is stopped
            while self._roll.held < self._wanted:
                self._condition.wait(self._pace)
                answered, waits = self._answered, waits + 1 if self._answered == answered else 0
                if self._roll.held < self._wanted and (self._gone or waits * self._pace > self._roll.silence):
                    raise ProcessError(_KEEPER)
            verdict = self._roll.verdict
        if verdict != _ALL:
            raise ProcessError(verdict)

    def explain(self) -> None:
        """Find out whether a rank is lost, since a collective has failed; return where all of them live.

        Raises:
            ProcessError: one of them is lost.
        """
        with self._condition:
            self._in_doubt = True
            self._condition.notify_all()
            while self._in_doubt and not self._gone:
                self._condition.wait(self._pace)
        if found := _KEEPER if self._gone else self._found:
            raise ProcessError(found)

    def leave(self) -> None:
        """Let the heart stand still, and say that this was meant."""
        with self._condition:
            self._leaving, self.ends = True, None
            self._condition.notify_all()
        self._thread.join(timeout=1)  # longer only where the store does not answer

    def _run(self) -> None:
        try:
            while not self._leaving:
                pause = self._turn()
                with self._condition:
                    self._answered += 1
                    self._condition.notify_all()
                    if not self._leaving and self._wanted in (self._roll.held, self._roll.came):
                        self._condition.wait(pause)
            self._roll.leave()
        except RuntimeError:  # of the store: whoever keeps it is gone
            with self._condition:
                self._gone = True
                self._condition.notify_all()
                # Whoever keeps it may be done, and this rank soon too.
                self._condition.wait_for(lambda: self._leaving, timeout=self._roll.silence)
            if self.ends is not None and self._roll.held == self._wanted:
                self.ends(_KEEPER)

    def _turn(self) -> float:
        """Do what is due, and return the seconds until something is again."""
        now = time.monotonic()
        if self._wanted > self._roll.held:
            pause = self._roll.attend(now)
            if self._roll.held == self._wanted and self._roll.verdict != _ALL:
                self.ends = None  # whoever waits is told, and ends by itself
            return pause
        pause = self._roll.beat(now)
        if self._in_doubt:
            self._found, self._in_doubt = self._roll.doubt(now)
            self.ends = None if self._found else self.ends
            return _LONGEST
        if self.ends is not None and (lost := self._roll.look(now)) is not None:
            self.ends(lost)
        return pause


class _Roll:
    """What a rank writes into the store, and reads there of the others; used by one thread alone.

    Attributes:
        pace: seconds between two heartbeats, and two looks at those of others.
        came: meetings that this rank came to.
        held: meetings that are decided.
        verdict: of the last one: `_ALL`, or who was lost.
    """

    def __init__(self, store: Any, rank: int, size: int, silence: float, patience: float) -> None:
        self.silence, self._patience = silence, patience
        self.pace = min(5.0, silence / 10)
        self.came = self.held = 0
        self.verdict = ""
        self._store, self._rank, self._size = store, rank, size
        self._beats, self._next_beat, self._next_look, self._pause, self._began = 0, 0.0, 0.0, _SHORTEST, 0.0
        self._doubted = 0.0  # since when
        self._heard: dict[int, tuple[str, float]] = {}  # of each other rank its last heartbeat, and when it was new

    def beat(self, now: float, *, at_once: bool = False) -> float:
        """Let the heart beat where it is time, and return the seconds until it is again."""
        if at_once or now >= self._next_beat:
            self._beats, self._next_beat = self._beats + 1, now + self.pace
            self._store.set(_heart(self._rank), f"{self._beats} {self.came}")
        return self._next_beat - now

    def leave(self) -> None:
        """Let it stand still."""
        self._store.set(_heart(self._rank), _LEFT)

    def attend(self, now: float) -> float:
        """Come to the next meeting, see whether it is decided, or decide that somebody will not come.

        Returns:
            Seconds after which to look again.
        """
        number = self.held + 1
        verdict = f"nc_hf/verdict/{number}"
        if self.came < number:
            self.came, self._began, self._pause, self._next_look = number, now, _SHORTEST, 0.0
            self._heard.clear()  # how long a rank is silent counts from now: nobody may have listened before
            self.beat(now, at_once=True)
            if self._store.add(f"nc_hf/came/{number}", 1) == self._size:
                self._store.compare_set(verdict, "", _ALL)
        self.beat(now)
        if self._store.check([verdict]):
            self.verdict, self.held = self._store.get(verdict).decode(), number
        elif (lost := self.look(now, number)) is not None:
            self._store.compare_set(verdict, "", lost)  # unless another has decided meanwhile
        self._pause = min(2 * self._pause, _LONGEST)
        return self._pause

    def doubt(self, now: float) -> tuple[str, bool]:
        """Return what to say of a rank that is lost, and whether it takes longer to see that none is."""
        if not self._doubted:
            self._doubted, self._began, self._next_look = now, now, 0.0
            self._heard.clear()
        lost = self.look(now, _NO_MEETING)
        if lost is not None:
            self._store.compare_set(_BROKEN, "", lost)  # since others will see that this one left
        alive = [rank for rank, (_, since) in self._heard.items() if since > self._doubted]
        # Of a rank whose heart never began to beat nothing can be said.
        if lost is None and len(alive) < self._size - 1 and now - self._doubted < 2 * self.silence:
            return "", True
        self._doubted = 0.0
        return lost or "", False

    def look(self, now: float, meeting: int | None = None) -> str | None:
        """Return what to say of the first rank that is lost; None if none is, or it is too early to look again.

        Args:
            now: seconds of the clock.
            meeting: that this rank waits in; without one a rank that left was done.
        """
        if now < self._next_look:
            return None
        self._next_look = now + self.pace
        if meeting is not None and self._store.check([_BROKEN]):
            return str(self._store.get(_BROKEN).decode())
        absent = None
        for rank in range(self._size):
            beat = None if rank == self._rank else self._heartbeat(rank)
            last, since = self._heard.get(rank, (None, now))
            if beat is not None and beat != last:
                last, since = self._heard[rank] = beat, now
            if rank == self._rank or (meeting is not None and _has_come(beat, meeting)):
                continue
            name = f"Process {rank} of {self._size}"
            if beat == _LEFT and meeting is not None:
                return f"{name} has ended while others waited for it: start again."
            if beat not in (_LEFT, None) and now - since > self.silence:
                return f"{name} is lost, silent for {self.silence:g} seconds: start again."
            absent = absent or name
        if absent is not None and meeting is not None and now - self._began > self._patience:
            return f"{absent} did not come to the others within {self._patience:g} seconds: start again."
        return None

    def _heartbeat(self, rank: int) -> str | None:
        """Return the last heartbeat of a rank; None before the first."""
        return str(self._store.get(_heart(rank)).decode()) if self._store.check([_heart(rank)]) else None


def _heart(rank: int) -> str:
    return f"nc_hf/heart/{rank}"


def _has_come(beat: str | None, meeting: int) -> bool:
    """Whether a heartbeat is of a rank that has come to a meeting."""
    return beat not in (_LEFT, None) and int(str(beat).split()[1]) >= meeting
