"""The wheel of this checkout, built as it is for a release."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.paths import ROOT


def built(folder: Path, **environment: str) -> Path:
    """Build it into a folder; where no index has hatchling, CI fails and everybody else goes without the test."""
    command = [sys.executable, "-m", "pip", "--quiet", "wheel", "--no-deps", "--wheel-dir", folder, ROOT]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment})
    if done.returncode:
        if os.environ.get("CI") == "true":
            pytest.fail(done.stderr)
        pytest.skip("the wheel cannot be built without hatchling from an index")
    (wheel,) = folder.glob("*.whl")
    return wheel
