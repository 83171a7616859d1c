"""What tests of pairs of classes share."""

from __future__ import annotations

import pytest

from nc_hf.metrics import pairwise


@pytest.fixture
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiles of 7 by 7, of which some are whole and some are not."""
    monkeypatch.setattr(pairwise, "TILE", 7)
