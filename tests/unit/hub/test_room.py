"""Memory and disk: what does not fit is refused before it is fetched."""

from __future__ import annotations

import pytest

from nc_hf.errors import ModelError
from nc_hf.hub import resolve
from tests.hub.models import gpt2_files
from tests.hub.server import StandIn


def test_what_fits_neither_memory_nor_disk_is_refused(hub: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = hub.add("someone/tiny", gpt2_files(), claimed={"model.safetensors": 10**15})
    with pytest.raises(ModelError, match=r"needs 1000.0 TB of memory and .* is free"):
        resolve("someone/tiny")
    repository.claimed = {}
    monkeypatch.setattr("nc_hf.hub.room.free_disk", lambda folder: 1000)
    with pytest.raises(ModelError, match=r"needs .* of disk and 1.0 kB is free"):
        resolve("someone/tiny")
