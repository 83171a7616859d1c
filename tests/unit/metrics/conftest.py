"""What tests of pairs of classes share."""

from __future__ import annotations

import pytest

from nc_hf.metrics import pairwise


@pytest.fixture
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiles of 7 by 7, of which some are whole and some are not."""
    monkeypatch.setattr(pairwise, "TILE", 7)


@pytest.fixture
def single_tiles(small_tiles: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiles of 7 by 7 in float32, however few the classes are."""
    monkeypatch.setattr(pairwise, "SINGLE_FROM", 2)
