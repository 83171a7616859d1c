"""Start the collapse meter on a Space; on your own machine ``nc-hf space`` does."""

from __future__ import annotations

import os

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

try:
    import spaces  # noqa: F401  on ZeroGPU it must come before torch
except ImportError:
    pass

if os.environ.get("SPACES_ZERO_GPU"):  # it looks for the function that needs a GPU when the page starts
    import nc_hf.space.worker  # noqa: F401

from nc_hf.space.page import serve
from nc_hf.space.settings import Settings

if __name__ == "__main__":
    serve(Settings.from_environment())
