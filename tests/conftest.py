"""What every test shares: isolated caches, and the real data where it is at hand."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# Set before any library reads them: no test may look at, or write into, the user's own caches or talk to a tracker.
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real stories, tokenizer, checkpoint and published figures."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the real data is not beside this checkout")
    return SHARED_DATA
