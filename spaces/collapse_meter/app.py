"""Start the collapse meter: on a Space, or on your own machine with ``nc-hf space``."""

from __future__ import annotations

import os

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

try:
    import spaces  # noqa: F401  on ZeroGPU it must come before torch
except ImportError:
    pass

from meter.page import build, launch_options
from meter.settings import Settings

demo = build(Settings.from_environment())

if __name__ == "__main__":
    demo.launch(**launch_options())
