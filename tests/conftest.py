"""What every test shares: isolated caches, and the real data where it is at hand."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings

# Tests import one another's helpers as tests.…, however pytest was started.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

# First of all, since it points the Hub's clients at the stand-in and at empty caches before they are imported.
from tests.hub.fixtures import hub as hub
from tests.hub.fixtures import hub_home as hub_home
from tests.paths import SHARED_DATA

# Set before any library reads them: no test may look at, or write into, the user's own caches or talk to a tracker.
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

# How long an example takes says how busy the machine is.
settings.register_profile("nc_hf", deadline=None)
settings.load_profile("nc_hf")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real stories, tokenizer, checkpoint and published figures."""
    if not SHARED_DATA.is_dir():
        missing = "the real data is not there: run python -m tests.real_data"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)  # a skip would hide it
        pytest.skip(missing)
    return SHARED_DATA
