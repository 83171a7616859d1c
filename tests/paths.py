"""Where things lie, for tests at any depth."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RECIPES = ROOT / "recipes"
REFERENCES = ROOT / "tests" / "reference"
SHARED_DATA = ROOT.parent / "shared" / "data"
