"""The page, as it is built."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest.importorskip("gradio")


@pytest.mark.slow
def test_the_page_stands_before_anything_heavy_is_loaded() -> None:
    code = (
        "import sys; import nc_hf.space.page, nc_hf.space.lazy, nc_hf.space.settings;"
        "page = nc_hf.space.page.build(nc_hf.space.lazy.LazyService(nc_hf.space.settings.Settings.from_environment()));"
        "print([name for name in ('torch', 'transformers', 'datasets', 'matplotlib') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
