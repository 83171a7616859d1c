"""Whose turn it is: analyses run one at a time, in the order in which they were asked."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from nc_hf.errors import InputError


@dataclass(frozen=True)
class Waiting:
    """The question stands in line behind so many others."""

    ahead: int


class Turns:
    """A line of bounded length."""

    def __init__(self, max_waiting: int) -> None:
        """Begin with an empty line."""
        self._max_waiting = max_waiting
        self._line: list[object] = []
        self._lock = threading.Lock()

    def enter(self) -> object:
        """Take a place at the end.

        Raises:
            InputError: the line is full.
        """
        place = object()
        with self._lock:
            if len(self._line) > self._max_waiting:
                raise InputError(f"{self._max_waiting} analyses are waiting already: try again in a few minutes.")
            self._line.append(place)
        return place

    def ahead(self, place: object) -> int:
        """How many go first; 0 when it is this one's turn."""
        with self._lock:
            return self._line.index(place)

    def leave(self, place: object) -> None:
        """Give the place up; harmless when it was given up before."""
        with self._lock:
            if place in self._line:
                self._line.remove(place)
