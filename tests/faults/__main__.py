"""``python -m tests.faults [NUMBER]``: harm so many files (360), break runs off, and print what came of it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

if __name__ == "__main__":
    os.environ["NC_FAULTS"] = sys.argv[1] if len(sys.argv) > 1 else "360"
    sys.exit(pytest.main([str(Path(__file__).parent), "-q", "-p", "no:cacheprovider"]))
