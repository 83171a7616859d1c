"""The desk, opened when first asked for: the page stands before torch and transformers are loaded."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from nc_hf.space.settings import Settings

if TYPE_CHECKING:
    from nc_hf.space.service import Desk


class Office:
    """Opens the desk once."""

    def __init__(self, settings: Settings) -> None:
        """Keep the settings."""
        self.settings = settings
        self._desk: Desk | None = None
        self._opening = threading.Lock()

    def desk(self) -> Desk:
        """Return the desk; the first call loads what measures."""
        with self._opening:
            if self._desk is None:
                from nc_hf.space.service import Desk

                self._desk = Desk(self.settings)
            return self._desk

    def warm(self) -> None:
        """Open the desk beside the page, so that the first question need not wait for it."""
        threading.Thread(target=self.desk, daemon=True, name="warming").start()
