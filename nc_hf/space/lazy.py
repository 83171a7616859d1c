"""The service, made when it is first asked for: the page is served before torch and transformers are loaded."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from nc_hf.report.charts.render import script
from nc_hf.space.settings import Settings

if TYPE_CHECKING:
    from nc_hf.space.service import Service


class LazyService:
    """Makes the service once."""

    def __init__(self, settings: Settings) -> None:
        """Keep the settings."""
        self.settings = settings
        self._service: Service | None = None
        self._lock = threading.Lock()

    def get(self) -> Service:
        """Return the service; the first call loads what measures.

        It comes before every import of that: two threads that import parts of it at once may each meet half of one.
        """
        with self._lock:
            if self._service is None:
                from nc_hf.space.service import Service

                self._service = Service(self.settings)
            return self._service

    def load(self) -> None:
        """Make the service in the background, so that the first request need not wait for it."""
        threading.Thread(target=self._load, daemon=True, name="loading the service").start()

    def _load(self) -> None:
        script()  # a visitor waits for the picture on the first page, not yet for an analysis
        self.get()
