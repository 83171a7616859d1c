"""Work that can be called off from outside by the ticket it was started with."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from nc_hf.errors import CancelledError, InputError

CANCELLED = "The analysis was cancelled: start it again when you like."
_TICKET = re.compile(r"[\w-]{16,64}", re.ASCII)


class Held:
    """Work under way, as what can be called off."""

    def __init__(self) -> None:
        """Begin with work that goes on."""
        self._called_off = threading.Event()

    def call_off(self) -> None:
        """End the work at its next step."""
        self._called_off.set()

    def check(self) -> None:
        """End the work if it was called off.

        Raises:
            CancelledError: it was.
        """
        if self._called_off.is_set():
            raise CancelledError(CANCELLED)


class Tickets:
    """The tickets of all work under way."""

    def __init__(self) -> None:
        """Begin with none."""
        self._under_way: dict[str, Held] = {}

    @contextmanager
    def held(self, ticket: str) -> Iterator[Held]:
        """Hold a ticket while the block runs; an empty one cannot be called off.

        Raises:
            InputError: the ticket is too easy to guess, or in use.
        """
        if ticket and not _TICKET.fullmatch(ticket):
            raise InputError("A ticket has 16 to 64 letters, digits, - and _: choose a long random one.")
        held = Held()
        if ticket and self._under_way.setdefault(ticket, held) is not held:
            raise InputError("This ticket is in use: choose another one.")
        try:
            yield held
        finally:
            if ticket:
                del self._under_way[ticket]

    def call_off(self, ticket: str) -> bool:
        """Call the work off; False if there is none with this ticket."""
        held = self._under_way.get(ticket)
        if held is not None:
            held.call_off()
        return held is not None
