"""Start the collapse meter on a Space; on your own machine ``nc-hf space`` does."""

from __future__ import annotations

import os

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

try:
    import spaces  # noqa: F401  on ZeroGPU it must come before torch
except ImportError:
    pass

from meter.page import serve
from meter.settings import Settings

if __name__ == "__main__":
    serve(Settings.from_environment())
