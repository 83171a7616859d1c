"""Start the collapse meter on a Space; on your own machine ``nc-hf space`` does."""

from __future__ import annotations

import os

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

try:
    import spaces  # noqa: F401  on ZeroGPU it must come before torch
except ImportError:
    pass

if os.environ.get("SPACES_ZERO_GPU"):  # it looks for the function that needs a GPU when the page starts
    import meter.work  # noqa: F401

from meter.page import serve
from meter.settings import Settings

if __name__ == "__main__":
    serve(Settings.from_environment())
