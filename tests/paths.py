"""Where things lie, for tests at any depth."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RECIPES = ROOT / "recipes"
REFERENCES = ROOT / "tests" / "reference"
REAL_DATA = ROOT / "tests" / "data"
"""Where ``python -m tests.real_data`` puts what it fetches; git does not look at it."""

SHARED_DATA = next((path for path in (ROOT.parent / "shared" / "data", REAL_DATA) if path.is_dir()), REAL_DATA)
