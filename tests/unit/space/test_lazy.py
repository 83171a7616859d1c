"""The service, made once, when it is first asked for."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from nc_hf.space.lazy import LazyService
from tests.space import settings_in


def test_the_service_is_made_once_by_whoever_asks_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []
    monkeypatch.setattr("nc_hf.space.service.Service", lambda settings: made.append(settings) or object())
    lazy = LazyService(settings_in(tmp_path))
    assert made == []
    found: list[object] = []
    lazy.load()
    askers = [threading.Thread(target=lambda: found.append(lazy.get())) for _ in range(4)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert len(set(map(id, [*found, lazy.get()]))) == 1
    assert made == [lazy.settings]
