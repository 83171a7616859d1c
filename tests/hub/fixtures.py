"""The stand-in Hub and an empty cache for every test.

The clients read ``HF_ENDPOINT`` and ``HF_HOME`` once, when they are imported. So ``tests/conftest.py`` imports this
module before anything else: that starts the stand-in (a thread, milliseconds) and sets both variables for the whole
test session, each worker of pytest-xdist with its own; sub-processes inherit them. No test can then reach the real Hub
or the user's cache, and nothing of a client is patched. Isolation between tests is by emptying: the fixture ``hub``
forgets all repositories and deletes what is in the cache.
"""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hub.server import StandIn

if "huggingface_hub" in sys.modules:
    raise RuntimeError("tests/conftest.py must import tests.hub.fixtures before anything imports huggingface_hub")

HOME = Path(tempfile.mkdtemp(prefix="nc_hf_home_"))
STAND_IN = StandIn().start()
atexit.register(shutil.rmtree, HOME, ignore_errors=True)
for name in [name for name in os.environ if name.startswith(("HF_", "HUGGING_FACE_", "TRANSFORMERS_"))]:
    del os.environ[name]
os.environ.update(
    HF_ENDPOINT=STAND_IN.url,
    HF_HOME=str(HOME),
    HF_HUB_DISABLE_PROGRESS_BARS="1",
    HF_HUB_DISABLE_TELEMETRY="1",
    HF_HUB_DISABLE_IMPLICIT_TOKEN="0",
    HF_HUB_DISABLE_XET="1",
)


@pytest.fixture
def hub() -> Iterator[StandIn]:
    """The stand-in without repositories, and an empty cache."""
    _empty()
    yield STAND_IN
    _empty()


@pytest.fixture
def hub_home(hub: StandIn) -> Path:
    """The clients' own folder, where everything that they fetch and keep must lie."""
    return HOME


def _empty() -> None:
    STAND_IN.clear()
    for path in HOME.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
